"""After a FAILS: where it is wrong (``locate``), the smallest input (``minimise``) and its line (``witness``)."""

from gradverify.explain.locate import locate
from gradverify.explain.minimise import Smaller, alike, minimise
from gradverify.explain.witness import literal, load, sparse, witness

__all__ = ["Smaller", "alike", "literal", "load", "locate", "minimise", "sparse", "witness"]
