"""Relations: prices that are tied to each other, such as triangles, inverse pairs, a fund and its basket.

A relation says that the sum of power × log price over its legs is constant (`reference.data.Relation`). Each venue's price of a
leg, a *member*, is compared with the *marks* of the other legs, on which their venues agree; `breaks` says when the residual is a
break and which leg left. The residual's usual level and deviation are learnt in event time, while every other leg is fresh.

A residual is off beyond 10 usual deviations, the legs' spreads together, and the tolerance. In fast news one leg is quoted before
the other, so it is a break only after five quotes and a second, with every other leg requoted since. The leg that left is the one
that moved twice as far as the others since all were last together, unless the venues of another leg disagree as far.

A break that all venues of the leg share is a market event if spreads are wide and the pace or volume is high; otherwise it is
reported as a break. May use what `tickproof.rules` may use.
"""
