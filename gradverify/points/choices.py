"""A source of choices: the generator of points asks for integers and reals, whoever answers.

A NumPy seed answers here; choice 0 is the plain one, so that a source that shrinks shrinks to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

T = TypeVar("T")


class Choices(Protocol):
    """What drives the generator."""

    def integer(self, low: int, high: int) -> int:
        """An integer in [low, high]."""
        ...

    def pick(self, options: Sequence[T]) -> T:
        """One of these; the first is the plainest."""
        ...

    @property
    def rng(self) -> np.random.Generator:
        """A generator for whole arrays, seeded by the source."""
        ...


@dataclass(frozen=True)
class Seeded:
    """Choices from a NumPy generator."""

    rng: np.random.Generator

    def integer(self, low: int, high: int) -> int:
        """Uniform in [low, high]."""
        return int(self.rng.integers(low, high + 1))

    def pick(self, options: Sequence[T]) -> T:
        """Uniform among the options."""
        return options[int(self.rng.integers(len(options)))]
