"""A Claim relates two sides and does not judge; laws make one by the four functions here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from gradverify._vectors import CannotHere, Estimate, Pairing, Vectors

Relation = Literal["equal", "at most", "same bits", "raises"]
Side = Vectors | Estimate | Pairing


@dataclass(frozen=True)
class Claim:
    """``left relation right``: what the subject answered on the left, what it is held against on the right.

    ``about`` says where the parts of a Vectors lie: the subject's ``input`` or its ``output``.
    """

    relation: Relation
    left: Side
    right: Side | CannotHere
    what: str = ""
    about: Literal["input", "output"] = "input"
    remark: str = ""  # worth a note where the claim is true
    scatter: bool = True  # may the sides differ by what the code is seen to scatter by?


def equal(
    left: Side,
    right: Side | CannotHere,
    what: str = "",
    *,
    about: Literal["input", "output"] = "input",
    scatter: bool = True,
) -> Claim:
    """Both sides are the same numbers, to within the errors they carry.

    Without ``scatter`` only what the problem itself makes of rounded inputs is granted, not what the code loses.
    """
    return Claim("equal", left, right, what, about, scatter=scatter)


def at_most(left: Side, right: Side, what: str = "", *, about: Literal["input", "output"] = "input") -> Claim:
    """No entry on the left exceeds its partner on the right by more than the errors they carry."""
    return Claim("at most", left, right, what, about)


def same_bits(left: Vectors, right: Vectors, what: str = "", *, about: Literal["input", "output"] = "input") -> Claim:
    """Both sides are the same arrays: shape, dtype and every bit (NaN equals NaN).

    A difference within rounding is a hint, told in a note; it disagrees only beyond the judge's bars.
    """
    return Claim("same bits", left, right, what, about)


def raises(kind: type[Exception], call: Callable[[], Any], what: str = "") -> Claim:
    """Calling raises an exception of this kind; the left side is 1 where it does not."""
    try:
        call()
    except kind:
        return Claim("raises", Estimate(0.0), Estimate(0.0), what)
    except Exception as failure:
        return Claim(
            "raises", Estimate(1.0), Estimate(0.0), f"{what}: raised {type(failure).__name__}, not {kind.__name__}"
        )
    return Claim("raises", Estimate(1.0), Estimate(0.0), f"{what}: raised nothing, not {kind.__name__}")
