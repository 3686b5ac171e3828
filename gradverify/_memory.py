"""What a rule answered for the very same arrays need not be asked again: answers, by the identity of what was given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gradverify._vectors import Vectors

MOST = 24  # answers kept, the oldest forgotten first
ENTRIES = 2**18  # in one answer: larger ones are asked for again, and cost time rather than memory


@dataclass(frozen=True)
class Memory:
    """Answers of one subject's rules, for as long as one point is judged. Arrays are told apart by identity."""

    kept: dict[Any, tuple[tuple[Vectors, ...], Vectors]] = field(default_factory=dict)

    def recall(self, rule: str, given: tuple[Vectors, ...], options: str, ask: Callable[[], Vectors]) -> Vectors:
        """The answer to this very question: the one from before, else ``ask()``, which is kept."""
        key = (rule, options, *(id(p) for vector in given for p in vector))
        if key not in self.kept:
            answer = ask()
            if answer.size > ENTRIES:
                return answer
            while len(self.kept) >= MOST:
                del self.kept[next(iter(self.kept))]
            self.kept[key] = given, answer  # what was given stays alive, so that its identity stays its own
        return self.kept[key][1]
