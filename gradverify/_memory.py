"""What a rule answered for the very same arrays need not be asked again: answers, by the identity of what was given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar, cast

import numpy as np

from gradverify._vectors import Vectors

T = TypeVar("T", bound=Callable[..., Any])
MOST = 24  # answers kept, the oldest forgotten first
ENTRIES = 2**18  # in a question and its answer; larger ones are asked for again, and cost time rather than memory


def latest(size: int) -> Callable[[T], T]:
    """What a function answers is kept; where that has so many entries that it is large, the latest answer only."""
    return cast(Callable[[T], T], lru_cache(maxsize=None if size <= ENTRIES else 1))


@dataclass(frozen=True)
class Memory:
    """Answers of one subject's rules, for as long as one point is judged. Arrays are told apart by identity."""

    kept: dict[Any, tuple[tuple[Vectors, ...], Vectors]] = field(default_factory=dict)
    raw: dict[str, tuple[Any, ...]] = field(default_factory=dict)  # the very arrays that a rule returned last
    sizes: dict[Any, float] = field(default_factory=dict)  # of the function's values elsewhere: the same for neighbours
    reused: set[str] = field(default_factory=set)  # rules that return the same memory again, for another answer

    def recall(self, rule: str, given: tuple[Vectors, ...], options: str, ask: Callable[[], Vectors]) -> Vectors:
        """The answer to this very question: the one from before, else ``ask()``, which is kept."""
        key = (rule, options, *(id(p) for vector in given for p in vector))
        if key not in self.kept:
            answer = ask()
            if answer.size + sum(vector.size for vector in given) > ENTRIES and (answer.size > ENTRIES or self.kept):
                return answer  # of large points only the first is kept: the one that is judged
            while len(self.kept) >= MOST:
                del self.kept[next(iter(self.kept))]
            self.kept[key] = given, answer  # what was given stays alive, so that its identity stays its own
        return self.kept[key][1]

    def watch(self, rule: str, out: tuple[Any, ...]) -> None:
        """Take note of the arrays that a rule returned: are they the memory that it returned before?"""
        before = self.raw.get(rule, ())
        if any(np.may_share_memory(a, b) for a, b in zip(before, out, strict=False)):
            self.reused.add(rule)
        self.raw[rule] = out if sum(a.size for a in out) <= ENTRIES else ()
