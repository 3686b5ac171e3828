"""An Oracle gives a trusted derivative with its error, or says why it cannot here.

``FiniteDifference`` (several steps, an error bar), ``ComplexStep`` and ``Extended`` (each with its
self-test), and the ``Ladder`` that asks the cheapest one that can decide.
"""

from gradverify.oracles.complex_step import ComplexStep
from gradverify.oracles.extended import Extended
from gradverify.oracles.finite_difference import FiniteDifference
from gradverify.oracles.ladder import Ladder

ORACLES = (FiniteDifference, ComplexStep, Extended, Ladder)

__all__ = ["ORACLES", "ComplexStep", "Extended", "FiniteDifference", "Ladder"]
