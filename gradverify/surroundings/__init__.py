"""What a function keeps outside its arguments is found, put back after a check, and told where every call moves it.

``reach`` finds the ``holders``: arrays, attributes, variables and generators; ``snapshot`` compares and restores them.
"""

from gradverify.surroundings.snapshot import Moves, Surroundings, left_as_found, listed, runs, snapshot

__all__ = ["Moves", "Surroundings", "left_as_found", "listed", "runs", "snapshot"]
