"""After a FAILS: where it is wrong (``locate``), why (``diagnose``), the smallest input (``minimise``), a ``witness``.

``diagnose`` asks what makes the failure vanish (``circumstances``), how the claim goes with its ``cotangent``, and
which of the ``patterns``, of numbers and of ``dependence``, both ``sides`` show.
"""

from gradverify.explain.diagnose import diagnose
from gradverify.explain.locate import locate
from gradverify.explain.minimise import Smaller, alike, minimise
from gradverify.explain.witness import literal, load, sparse, witness

__all__ = ["Smaller", "alike", "diagnose", "literal", "load", "locate", "minimise", "sparse", "witness"]
