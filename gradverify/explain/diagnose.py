"""Why a law fails, in a sentence with its evidence.

First what makes the failure vanish, then how the claim goes with the cotangent, then what pattern the numbers show: a
circumstance explains more than a pattern that happens to fit. Where nothing explains it, that is said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gradverify._cause import Cause
from gradverify._method import Loop, Trial
from gradverify._subject import Broken, Subject
from gradverify._vectors import Estimate, Misfit, Vectors
from gradverify._verdict import Finding
from gradverify.explain.circumstances import changes, of_a_batch, repeats, symmetries, vanishing
from gradverify.explain.cotangent import SAME, nonlinear
from gradverify.explain.dependence import (
    another_function,
    averaged,
    elsewhere,
    gone,
    masked,
    mixed,
    of_rank_one,
    turned,
)
from gradverify.explain.many import of_a_part
from gradverify.explain.mismatch import Mismatch
from gradverify.explain.patterns import (
    Pattern,
    block,
    constant,
    dropped,
    edge,
    factor,
    moved,
    no_pattern,
    not_finite,
    offset,
    one_entry,
    partly,
    powers,
    proportional,
    slight,
    transposed,
)
from gradverify.explain.sides import Sides, around, few, sampled, sides, wrong_outputs, wrong_places
from gradverify.oracles.ladder import Ladder
from gradverify.quantifiers import cotangent

# What explains all of a mismatch most simply comes first.
PATTERNS: tuple[Pattern, ...] = (
    not_finite,
    dropped,
    averaged,
    factor,
    powers,
    one_entry,
    offset,
    proportional,
    slight,
    transposed,
    moved,
    block,
    partly,
    masked,
    gone,
    elsewhere,
    turned,
    of_rank_one,
    mixed,
    edge,
    constant,
    another_function,
)

DERIVATIVE = "pullback_is_the_derivative"
COTANGENT = ("pullback_is_linear", "pullback_of_zero_is_zero")
STATE = ("same_answer_twice", "pullback_remembers_nothing")
STEP, ANOTHER, FAR_ABOVE = 1 / 8, 1e-4, 1e6  # of a step to another point; a factor that differs there; of an error
NOTHING = Cause("", "")


def diagnose(trial: Trial, finding: Finding, at: Callable[[Vectors], Trial], loop: Loop, ladder: Ladder) -> Cause:
    """The cause of a finding at a trial; its kind is empty where there is no simple pattern.

    ``at`` makes the trial of the same subject at other inputs. Up to 256 entries cost one call of the function each (a
    dozen, where it takes no complex numbers) and one of the rule for every output.
    """
    f, x = trial.subject, trial.x
    try:
        if finding.law == "inputs_are_left_unchanged":
            return Cause("written", finding.cause)
        if finding.law == "shape_and_dtype_are_kept":
            same = str(finding.claimed).split()[:1] == str(finding.expected).split()[:1]
            says = f"a gradient of {finding.claimed} for an input of {finding.expected}"
            return Cause("shape" if same else "type", says)
        if finding.law == "finite_in_finite_out":
            return Cause("range", finding.cause)
        if f.vjp is None:
            return NOTHING
        v = trial.draw(0, f.domain.smooth).v
        if finding.law in STATE:
            return _of_state(f, x, v)
        if not finding.argument:  # the rule raised
            return Cause("raised", finding.cause)
        judged = tuple(k for k, p in enumerate(f.pullback(x, v)) if p.size)
        if finding.law == "layout_does_not_matter":
            other = loop.again(trial, DERIVATIVE)
            if other is None:
                return Cause("layout", finding.cause)
            finding = other
        elif finding.law not in (DERIVATIVE, *COTANGENT):
            return NOTHING
        return _of_numbers(trial, finding, at, loop, ladder, judged)
    except (Broken, Misfit):
        return NOTHING


def _of_state(f: Subject, x: Vectors, v: Vectors) -> Cause:
    """Does the rule answer the same when nothing is called in between? Or always more?"""
    first, second, third = (np.concatenate([p.ravel() for p in f.fresh.pullback(x, v)]) for _ in range(3))
    if np.array_equal(first, second) and np.array_equal(second, third):
        return Cause("state", "the answer depends on what was called before")
    step = second - first
    if np.all(np.abs(third - second - step) <= SAME * np.max(np.abs(step), initial=0.0)):
        return Cause("state", "every call adds the same to the answer of the call before")
    return Cause("random", "three calls in a row with the same arguments give three answers")


def _of_numbers(
    trial: Trial,
    finding: Finding,
    at: Callable[[Vectors], Trial],
    loop: Loop,
    ladder: Ladder,
    judged: tuple[int, ...],
) -> Cause:
    """Circumstances, then the cotangent, then patterns, then what is made symmetric."""
    f, x = trial.subject, trial.x

    def holds(other: Vectors) -> bool:
        return loop.holds(at(other), finding.law)

    if loop.spent:
        return NOTHING
    w = cotangent(f.forward(x), np.random.default_rng(20267), short=False)  # dense, whatever a witness has
    finite = all(np.all(np.isfinite(g)) for g in f.pullback(x, w))
    y, v, u = x.higher, w.higher, trial.draw(0, judged).u
    if not ladder.knows(f, y):
        ladder.directional(f, y, u, v)
    analytic = ladder.trusts(f, y)
    m = Mismatch(f, y, v, judged, ladder, f.pullback(y, v), analytic, lambda: loop.spent)
    many = finding.argument in f.names and not few(f, y, judged, analytic=analytic)
    part = (nonlinear(f, y, v, judged, ()) or of_a_part(m, finding)) if many else None
    if part is not None and not repeats(f, x):
        return part
    if (found := vanishing(changes(f, x, finite=finite), holds) or part) is not None:
        return found
    if isinstance(finding.expected, str) and "slopes nearby" in finding.expected:
        return Cause("branch", "at a kink, and no mixture of the slopes beside it")
    if loop.spent:
        return NOTHING
    ones = Vectors(tuple(np.ones_like(p) for p in v), bare=v.bare)  # of a single number the derivative itself is told
    table = sides(f, y, ones if v.size == 1 else v, judged, analytic=analytic)
    if not table:
        return nonlinear(f, y, v, judged, table) or _of_a_sample(m, finding)
    found = _of_a_table(m, u, table, finding) or vanishing(symmetries(f, x), holds) or of_a_batch(f, x, holds)
    if found is not None and found.kind == "term":  # of one example alone it may be none
        found = of_a_batch(f, x, holds) or found
    wrong = [s for s in table if s.wrong.any()]
    if not wrong:
        return found or NOTHING
    found = found or no_pattern(next((s for s in wrong if s.name == finding.argument), wrong[0]))
    return replace(found, places=wrong_places(table), outputs=wrong_outputs(f, y, wrong))


def _of_a_table(m: Mismatch, u: Vectors, table: tuple[Sides, ...], finding: Finding) -> Cause | None:
    """Single entries, then the cotangent, then what the numbers show."""
    wrong = [s for s in table if s.wrong.any()]
    single = [cause for cause in map(one_entry, wrong) if cause is not None]
    if wrong and len(single) == len(wrong):
        return _together(single)
    found = nonlinear(m.f, m.x, m.v, m.judged, table)
    if found is not None or not wrong:
        return found
    named = next((s for s in wrong if s.name == finding.argument), wrong[0])
    found = _of_patterns(wrong, named)
    if found is not None and found.kind in ("factor", "count") and factor(named) is not None:
        return _at_another_point(m.f, m.x, u.only(m.f.names.index(named.name)), m.v, m.oracle) or found
    return found


def _at_another_point(f: Subject, y: Vectors, u: Vectors, v: Vectors, ladder: Ladder) -> Cause | None:
    """Is the factor another one elsewhere? Then it is no constant."""
    parts = tuple(
        np.clip(a + STEP * d, *f.domain.bounds(k)) if d.size else a for k, (a, d) in enumerate(zip(y, u, strict=True))
    )
    factors = []
    for x in (y, Vectors(parts, bare=y.bare)):
        claimed, known = f.pullback(x, v).inner(u), ladder.directional(f, x, u, v)
        if not isinstance(known, Estimate) or abs(known.value) <= FAR_ABOVE * known.error:
            return None
        factors.append(claimed.value / known.value)
    here, there = factors
    if abs(here - there) <= ANOTHER * abs(here):
        return None
    return Cause(
        "formula", f"claimed = {here:.4g} x expected here, and {there:.4g} x at another point: no constant factor"
    )


def _of_a_sample(m: Mismatch, finding: Finding) -> Cause:
    """What some of many entries show."""
    if finding.argument not in m.f.names or finding.index is None:
        return NOTHING
    k = m.f.names.index(finding.argument)
    some = sampled(m.f, m.x, m.v, k, around(finding.index, m.x[k].shape), m.oracle)
    causes = (pattern(some) for pattern in (not_finite, dropped, factor, partly))
    wrong, known = int(np.sum(some.wrong & some.known)), int(some.known.sum())
    return next(filter(None, causes), Cause("", f"wrong on {wrong} of {known} entries of {some.name} that were asked"))


def _of_patterns(wrong: list[Sides], named: Sides) -> Cause | None:
    """The simplest pattern of all arguments that are wrong; else that of the one that was named, with the others'."""
    for pattern in PATTERNS:
        causes = [cause for cause in map(pattern, wrong) if cause is not None]
        if len(causes) == len(wrong):
            return _together(causes)
    each = [(s, next(filter(None, (pattern(s) for pattern in PATTERNS)), None)) for s in wrong]
    told = [(s, cause) for s, cause in each if cause is not None]
    parts = [s.name for s, cause in told if cause.kind == "edge"]
    if parts and len(told) < len(wrong):
        says = f"wrong in one slice of {' and '.join(parts)}, and throughout others: one part of it, such as a gate"
        return Cause("term", says)
    causes = [cause for s, cause in told if s is named] + [cause for _, cause in told]
    return _together(causes) if causes else None


def _together(causes: list[Cause]) -> Cause:
    """One cause for several arguments: of the kind of the first."""
    return Cause(causes[0].kind, "; ".join(dict.fromkeys(cause.says for cause in causes)))
