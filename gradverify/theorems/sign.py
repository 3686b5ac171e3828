"""What is known to be positive, non-negative or non-zero, and why; nothing is positive without a reason.

A reason is a set of phrases that a reader can follow; None says that none was found. Sizes are at least 1,
so that a sum of positive numbers has a term.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gradverify.theorems.index import MINUS_ONE, instances, opened, plain, points_in, rename, times, unfolded
from gradverify.theorems.notation import Array
from gradverify.theorems.term import Apply, Call, Delta, Entry, Extent, Number, Plus, Power, Sigma, Term, Times

Reason = frozenset[str]
NOTHING_SAID: Reason = frozenset()


@dataclass(frozen=True)
class Facts:
    """What a theorem takes for granted: arrays whose entries are positive, terms that are not 0.

    ``waived`` takes everything for positive; it serves only to find out whether positivity was what was missing.
    """

    positive: frozenset[Array] = frozenset()
    nonzero: tuple[Term, ...] = ()
    waived: bool = False


def positive(t: Term, facts: Facts) -> Reason | None:
    """Why a term is > 0, or None."""
    if facts.waived:
        return NOTHING_SAID
    if isinstance(t, Number):
        return NOTHING_SAID if t.value > 0 else None
    if isinstance(t, Extent):
        return frozenset(("a size is at least 1",))
    if isinstance(t, Entry):
        return (
            frozenset((f"${t.array.latex or t.array.name}$ is assumed to be positive",))
            if t.array in facts.positive
            else None
        )
    if isinstance(t, Apply):
        return frozenset(("an exponential is positive",)) if t.name == "exp" else None
    if isinstance(t, Call):
        formula = unfolded(t)
        return positive(formula, facts) if formula is not None else None
    if isinstance(t, Power):
        return positive(t.base, facts)
    if isinstance(t, Sigma):
        return _because("a sum of positive numbers is positive", [positive(x, facts) for x in opened(t).terms])
    if isinstance(t, Times):
        return _because("", [positive(x, facts) for x in t.terms])
    if isinstance(t, Plus):
        some = next((r for x in t.terms if (r := positive(x, facts)) is not None), None)
        rest = [non_negative(x, facts) for x in t.terms]
        return _because("a sum of positive numbers is positive", [some, *rest])
    return None


def non_negative(t: Term, facts: Facts) -> Reason | None:
    """Why a term is >= 0, or None."""
    known = positive(t, facts)
    if known is not None:
        return known
    if isinstance(t, Number):
        return NOTHING_SAID if t.value >= 0 else None
    if isinstance(t, Power) and t.exponent.denominator == 1 and t.exponent % 2 == 0:
        return frozenset(("a square is not negative",))
    if isinstance(t, Delta) or (isinstance(t, Apply) and t.name in ("relu", "slope")):
        return NOTHING_SAID
    if isinstance(t, Call):
        formula = unfolded(t)
        return non_negative(formula, facts) if formula is not None else None
    if isinstance(t, Sigma | Plus | Times):
        return _because("", [non_negative(x, facts) for x in opened(t).terms])
    return None


def nonzero(t: Term, facts: Facts) -> Reason | None:
    """Why a term is not 0, or None."""
    known = positive(t, facts)
    if known is not None:
        return known
    if isinstance(t, Number):
        return NOTHING_SAID if t.value else None
    for fact in facts.nonzero:
        pattern = plain(fact)
        if any(plain(rename(pattern, to)) == t for to in instances(pattern.free, points_in(t))):
            return frozenset(("it is assumed not to be 0",))
    if isinstance(t, Call):
        formula = unfolded(t)
        return nonzero(formula, facts) if formula is not None else None
    if isinstance(t, Power):
        return nonzero(t.base, facts)
    if isinstance(t, Times):
        return _because("", [nonzero(x, facts) for x in t.terms])
    if isinstance(t, Plus):
        return positive(Plus(tuple(times((MINUS_ONE, x)) for x in t.terms)), facts)
    return None


def _because(phrase: str, reasons: Iterable[Reason | None]) -> Reason | None:
    found = list(reasons)
    if any(r is None for r in found):
        return None
    own = frozenset((phrase,)) if phrase else NOTHING_SAID
    return own.union(*(r for r in found if r is not None))
