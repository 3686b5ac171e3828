"""A claim is judged with the errors it carries, and again with more of the code's own rounding where it must be."""

from __future__ import annotations

import math
from dataclasses import replace

from gradverify._claim import Claim
from gradverify._vectors import CannotHere, Estimate, Vectors
from gradverify._verdict import Outcome
from gradverify.judge.arrays import compared
from gradverify.judge.judgement import Judgement
from gradverify.judge.numbers import weighed_up
from gradverify.judge.rounding import levels


def judge(claim: Claim) -> Judgement:
    """Judge one claim; what disagrees is judged again with more of the code's own rounding granted.

    Arrays start at the first level, numbers, which are sums of many entries, at the second.
    """
    if isinstance(claim.right, CannotHere):
        return Judgement(Outcome.BLUNT, reason=claim.right.reason)
    if isinstance(claim.left, Vectors) and isinstance(claim.right, Vectors):
        return replace(compared(claim, claim.left, claim.right), about=claim.about)
    if isinstance(claim.left, Estimate) and isinstance(claim.right, Estimate):
        for rounding in levels(claim.relation, scatter=claim.scatter)[1:]:
            found = weighed_up(claim, claim.left, claim.right, rounding)
            if not found.gap > found.bar or math.isinf(found.gap):
                break
        remarked = claim.remark and not found.note and found.outcome is Outcome.AGREES
        return replace(found, note=claim.remark) if remarked else found
    raise TypeError(
        "a claim compares two Vectors or two Estimates, "
        f"not {type(claim.left).__name__} with {type(claim.right).__name__}"
    )
