"""A step of gradient descent is a pure function; a schedule is a value that says how its rate changes over a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gradverify._arrays import Array


@dataclass(frozen=True)
class Clock:
    """What a schedule may look at: epochs done, and the best training accuracy so far, in [0, 1]."""

    epoch: int = 0
    best: float = 0.0


class Schedule(Protocol):
    """A rate for every moment of a run."""

    def at(self, clock: Clock) -> float:
        """The rate of the next step."""
        ...


@dataclass(frozen=True)
class Constant:
    """The rate never changes."""

    rate: float

    def at(self, clock: Clock) -> float:
        return self.rate


@dataclass(frozen=True)
class Halving:
    """Decay by epochs: the rate halves after every ``every`` epochs."""

    rate: float
    every: int = 200

    def at(self, clock: Clock) -> float:
        return float(self.rate * 0.5 ** (clock.epoch // self.every))


@dataclass(frozen=True)
class InverseTime:
    """Decay by epochs: rate / (1 + epoch / half), so half is left after ``half`` epochs (Robbins & Monro, 1951)."""

    rate: float
    half: float = 100.0

    def at(self, clock: Clock) -> float:
        return self.rate / (1 + clock.epoch / self.half)


@dataclass(frozen=True)
class ByAccuracy:
    """Decay by accuracy: rate * max(1 - best training accuracy, floor); it waits while nothing is learnt."""

    rate: float
    floor: float = 0.2

    def at(self, clock: Clock) -> float:
        return self.rate * max(1 - clock.best, self.floor)


SCHEDULES = (Constant, Halving, InverseTime, ByAccuracy)


@dataclass(frozen=True)
class SGD:
    """Gradient descent, full batch or not: parameters - rate * gradients, the rate read off a schedule."""

    schedule: Schedule

    def init(self) -> Clock:
        """The state before the first step."""
        return Clock()

    def seen(self, clock: Clock, accuracy: float) -> Clock:
        """The same moment, with this training accuracy known."""
        return Clock(clock.epoch, max(clock.best, accuracy))

    def step(self, clock: Clock, parameters: Sequence[Array], gradients: Sequence[Array]) -> tuple[Array, ...]:
        """The parameters one step on, in new arrays of their own type."""
        rate = self.schedule.at(clock)
        return tuple(p - rate * g for p, g in zip(parameters, gradients, strict=True))

    def turn(self, clock: Clock) -> Clock:
        """The state when an epoch is over."""
        return Clock(clock.epoch + 1, clock.best)
