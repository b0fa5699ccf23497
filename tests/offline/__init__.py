"""Jobs without services: `scan`, its folder and its report, the doctor's checks, and a small seeded fuzz of the engine.

Holds that rows come out in the input's order with nothing added, lost or changed, that a folder is whole or absent, that a page
stands by itself and treats names from the feed as text, and that no input leaves a NaN or an exception behind.

May use `data`; `broker` and `prefix` only where the doctor looks at a broker.
"""
