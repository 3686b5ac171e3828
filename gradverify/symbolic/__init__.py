"""The Method Proof: unmodified NumPy code runs on symbols, and its laws are decided exactly.

Read in this order: ``expression`` (a graph in which equal things are one node), ``trace`` (arrays of them that answer
NumPy's functions; ``entries``, ``branches``, ``shim``), ``field`` and ``decide`` (proved modulo primes, refuted by
balls), ``settings``, ``traced``, ``run``
and ``proof`` (a law, tried at every small size along every way through the code).
"""
