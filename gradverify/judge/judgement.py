"""A Judgement is what one claim says: agreement, disagreement or bluntness, and what would have been seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from gradverify._verdict import Outcome

FAULT = 0.01  # the reference faults change an argument by 1 % of its scale ...
FAULT_EPS = 16  # ... or by this many eps of its type, whichever is more
ZERO = 1e-4  # of |v||f|: a bar below this makes a zero a seen zero
TINY = float(np.finfo(np.float32).tiny)  # a bar below every normal number is no width at all
EDGE = 1e-3  # of the type's range: expected values above it may overflow in the code
Sight = Mapping[int, str]


class Least(NamedTuple):
    """The least relative mistake of a part that would have been seen: of its largest entry alone, and of all alike."""

    entry: float
    norm: float

    def worse(self, other: Least) -> Least:
        """What both would have seen."""
        return Least(max(self.entry, other.entry), max(self.norm, other.norm))

    def better(self, other: Least) -> Least:
        """What either would have seen."""
        return Least(min(self.entry, other.entry), min(self.norm, other.norm))


ALL_SEEN = Least(0.0, 0.0)


@dataclass(frozen=True)
class Judgement:
    """What one claim says. ``sight`` tells for each argument whether a mistake there would have been seen:
    "decisive", "zero" (both sides vanish within tight bars), "faint" (not zero, and small beside
    |v||f| within bars that are tight for it) or "blunt", -1 being the value;
    ``smallest`` the least relative mistake seen of each decisive one.
    """

    outcome: Outcome
    gap: float = 0.0
    bar: float = 0.0
    part: int | None = None
    index: tuple[int, ...] | None = None
    left: float | str = 0.0
    right: float | str = 0.0
    reason: str = ""
    note: str = ""
    sight: Sight = field(default_factory=dict)
    smallest: Mapping[int, Least] = field(default_factory=dict)
    about: str = "input"  # whose the part is: the subject's input or its output
