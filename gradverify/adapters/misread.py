"""What complex numbers invite to mix up: a wrong gradient that is right when it is read in another way is told so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradverify._arrays import Array
from gradverify._law import Law
from gradverify._subject import Broken, Subject
from gradverify._vectors import Vectors
from gradverify._verdict import Finding, Status, Verdict
from gradverify.adapters.complex import CONVENTIONS, WHOSE, Halves, other
from gradverify.surroundings import left_as_found

NEARER = 0.01  # of the gap: another reading that leaves more of it than this is not worth judging
Judged = Callable[[Subject, tuple[Law, ...]], tuple[Verdict, ...]]


def explained(verdict: Verdict, law: Law, subject: Subject, convention: str, judged: Judged) -> Verdict:
    """The verdict; where it FAILS, and another reading of the same rule HOLDS, with that as the cause."""
    if verdict.status is not Status.FAILS or not verdict.derivative or "vjp" not in law.needs:
        return verdict
    for cause, mended in misread(subject, convention):
        if mended is None or (_nearer(verdict, mended) and _holds(judged(mended, (law,)))):
            kind = "convention" if mended is not None else ""
            return replace(verdict, findings=tuple(replace(f, cause=cause, kind=kind) for f in verdict.findings))
    return verdict


def _holds(verdicts: tuple[Verdict, ...]) -> bool:
    return all(v.status is Status.HOLDS for v in verdicts)


def _nearer(verdict: Verdict, mended: Subject) -> bool:
    """May this reading be right, as far as the entries show that were found wrong?"""
    return all(_left(f, mended) <= NEARER for f in verdict.findings)


def _left(f: Finding, mended: Subject) -> float:
    """The share of the gap that this reading leaves at the entry that was found wrong; 0 where that is not told."""
    if isinstance(f.claimed, str) or isinstance(f.expected, str) or f.index is None or mended.options:
        return 0.0
    if f.argument not in mended.names:
        return 0.0
    try:
        with left_as_found((mended.vjp,)):
            found = mended.pullback(Vectors(f.inputs), Vectors(f.cotangent, bare=len(f.cotangent) == 1))
    except Broken:
        return 1.0
    entry = float(found[mended.names.index(f.argument)][f.index])
    return float(np.nan_to_num(abs(entry - f.expected) / abs(f.claimed - f.expected)))


def misread(subject: Subject, convention: str) -> Iterator[tuple[str, Subject | None]]:
    """Subjects in which a mistake that complex numbers invite is mended, each with what its being right means.

    Without a Subject: what to say where none of those before it is right.
    """
    form = subject.form
    if not isinstance(form, Halves) or subject.vjp is None:
        return
    mended = partial(_mended, subject, form)
    yours, ours = (f"{CONVENTIONS[c]} ({WHOSE[c]})" for c in (other(convention), convention))
    choice = f'take conjugates, or write convention="{other(convention)}"'
    if form.matrix:
        yield "its conjugate is right: a Jacobian J of a complex value has dy = J dz", mended(-1, -1)
    else:
        yield f"right under the other convention, {yours}; gv.check judges {ours}: {choice}", mended(-1, -1)
    if any(form.outputs):
        value = "the value has a complex type and no imaginary part, and the rule is right for real cotangents"
        value += ": return the real part"
        yield from ((value, mended(0, 1)), (value, mended(0, -1)))
        if form.matrix:
            yield "dy = J dz is what holomorphic functions have; for another one give vjp=", None
            return
        yield "the conjugate of what is answered is right", mended(1, -1)
        yield "right for the conjugate of the cotangent that it was given", mended(-1, 1)
    else:
        half = "half of {}, as a Wirtinger derivative is: twice that is right"
        yield half.format(ours), mended(1, 1, 2)
        yield half.format(yours) + f"; gv.check judges {ours}", mended(-1, -1, 2)


def _mended(subject: Subject, form: Halves, cotangent: int, gradient: int, times: int = 1) -> Subject:
    """The subject with imaginary parts of its cotangents and its gradients times -1, 0 or 1, and gradients scaled."""
    assert subject.vjp is not None
    rule = subject.vjp
    given = [k for of in form.outputs for k in ((1, cotangent) if of else (1,))]
    answered = [times * k for of in form.inputs for k in ((1, gradient) if of else (1,))]

    def vjp(g: Any, *parts: Array, **options: Any) -> tuple[Any, ...]:
        several = isinstance(g, tuple)
        changed = tuple(p * p.dtype.type(k) for p, k in zip(g if several else (g,), given, strict=True))
        found = rule(changed if several else changed[0], *parts, **options)
        return tuple(None if p is None else p * p.dtype.type(k) for p, k in zip(found, answered, strict=True))

    return replace(subject, vjp=vjp)
