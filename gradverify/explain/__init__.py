"""After a FAILS: where it is wrong (``locate``), why (``diagnose``), the smallest input (``minimise``), a ``witness``.

Of very many entries the wrong ones are found in ``groups`` by what those are off by together (``mismatch``); how far a
mistake extends (``extent``) is written as a user would index it (``regions``). ``diagnose`` asks what makes the failure
vanish (``circumstances``), how the claim goes with its ``cotangent``, which of the ``patterns``, of numbers and of
``dependence``, both ``sides`` show, and of ``many`` entries what a part shows. ``minimise`` makes entries plain, and
``shapes`` sizes small.
"""

from gradverify.explain.diagnose import diagnose
from gradverify.explain.locate import locate
from gradverify.explain.minimise import Smaller, alike, minimise
from gradverify.explain.witness import literal, load, sparse, witness

__all__ = ["Smaller", "alike", "diagnose", "literal", "load", "locate", "minimise", "sparse", "witness"]
