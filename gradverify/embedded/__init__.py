"""The embedded default: what ``gradverify check`` does when it is given nothing.

Our own operations and network under every law and method, mistakes that must be refuted, the theorems
against their certificates, and both experiments.
"""

from gradverify.embedded.mistakes import MISTAKES, Mistake
from gradverify.embedded.rows import Row, network_on_digits, rows, write

__all__ = ["MISTAKES", "Mistake", "Row", "network_on_digits", "rows", "write"]
