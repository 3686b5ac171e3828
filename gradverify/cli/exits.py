"""Exit codes are a contract with scripts: each says one thing."""

HOLDS, FAILS, MISUSE, INTERNAL, UNDECIDED, NOTHING, INTERRUPTED, UNHEARD = 0, 1, 2, 3, 4, 5, 130, 141
STATUS = {"HOLDS": HOLDS, "FAILS": FAILS, "UNDECIDED": UNDECIDED}


class Unheard(Exception):
    """Whoever read our output has gone."""
