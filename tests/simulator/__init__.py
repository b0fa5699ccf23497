"""The simulated market, its faults and their genuine twins: labels that are true, and streams that give nothing away.

Each fault is compared with the same stream without it: what changed lies in its window and is what its label says, and
everything else is the same bytes. Sessions, stylised facts and relations between currencies are held against their sources.

Streams are made once for a module and are not written to. Uses no service.
"""
