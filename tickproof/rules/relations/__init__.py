"""Prices that are tied to each other: triangles, inverse pairs, a fund and its basket; which leg left the others.

A relation says that the sum of power × log price over its legs is constant (`reference.Relation`). Each venue's price of a leg, a
*member*, is held against the *marks* of the other legs, what their venues agree on. The residual has a usual level (the constant,
or learnt) and a usual deviation, both learnt in event time, and is known only while every other leg has a price that is fresh by
its own usual gap.

A residual is off beyond 10 usual deviations, the legs' spreads together, and the tolerance. What is off for a moment means
nothing: in fast news one leg is quoted before the other. So it is a break only after five quotes and a second, with every other
leg requoted since at another price; held against venues with a price since then it must still be off. The leg that left is the
one that had moved when it began, since all were last together, twice as far as the others together; unless the venues of another
leg disagree as far, or more of the symbol's other relations contradict it. A leg that repeats one price is no evidence while its
market moves on: the leg that moved away from it may be right.

A break that all venues of the leg share is a genuine dislocation, a market event, if the spread is wide against what it was
before, and the pace no lower or the volume high. Where all share it and the spread is as before, it is reported as a break:
nobody quotes one leg far from the others without a risk that shows in the spread.
"""
