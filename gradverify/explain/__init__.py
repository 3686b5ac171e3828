"""After a FAILS: where it is wrong (``locate``) and the line that reproduces it (``witness``)."""

from gradverify.explain.locate import locate
from gradverify.explain.witness import literal, load, sparse, witness

__all__ = ["literal", "load", "locate", "sparse", "witness"]
