"""``check`` is the first door: what was written becomes Subjects, and every law about them a Verdict."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from gradverify._domain import Sizes
from gradverify._errors import Misuse
from gradverify._examine import survey
from gradverify._law import Law
from gradverify._method import Method, Prover
from gradverify._subject import Broken, Subject
from gradverify._tally import Budget
from gradverify._vectors import vectors
from gradverify._verdict import Report, Verdict
from gradverify.adapters.complex import halved, told
from gradverify.adapters.misread import explained
from gradverify.adapters.subjects import Request, floating_types, subjects_of
from gradverify.laws import DEFAULT, SPECS, laws_named, laws_of
from gradverify.sampling import Sampling
from gradverify.surroundings import left_as_found


def check(
    f: Any,
    *,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    jac: Callable[..., Any] | None = None,
    grad: Callable[..., Any] | None = None,
    hess: Callable[..., Any] | None = None,
    hessp: Callable[..., Any] | None = None,
    backward: Callable[..., Any] | None = None,
    inputs: Any = None,
    args: tuple[Any, ...] = (),
    sizes: Sizes | None = None,
    dtype: str | tuple[str, ...] | None = None,
    options: Mapping[str, Any] | None = None,
    spec: str = "",
    laws: str | Law | tuple[str | Law, ...] | None = None,
    by: Method | Prover | None = None,
    seed: int | str = 0,
    budget: int | float | None = None,
    name: str | None = None,
    strict: bool = False,
    cotangent: Any = None,
    convention: str = "",
) -> Report:
    """A Report on whether the derivative that comes with ``f`` is right.

    ``f`` is a function with one of ``vjp(g, *inputs, *args)``, ``jvp(u, *inputs, *args)``, ``jac`` (or
    ``grad``; with ``hess``, ``hessp``) or ``backward(dout, cache)``; an object with ``forward`` and
    ``backward``; or a Subject. ``inputs`` is one input, a tuple (one per argument) or a dict by name,
    each an array ("exactly here"), ``At(array, low=, high=)`` or a ``Box`` ("generate"); without it
    annotations are read, else shapes are found by trial.

    ``sizes={"n": (1, 6)}`` bounds the Boxes' sizes; ``options={"axis": [0, -1]}`` sweeps keywords of f;
    ``budget`` is a number of evaluations (an int) or seconds (a float); ``cotangent`` fixes v at given
    inputs. Raises Misuse for a request that cannot be carried out, and nothing for what the code does.

    Complex arrays (a Box with ``dtype="complex128"`` too) are judged by their real and imaginary parts. The gradient
    by z = a + ib is dL/da + i dL/db, as in PyTorch, so that dL = Re(conj(G) dz); ``convention="jax"`` says that it
    is dL/da - i dL/db, as in JAX, so that dL = Re(G dz). The cotangent of a complex value is such a gradient too.
    """
    if seed == "random":
        seed = secrets.randbelow(2**31)
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise Misuse(f'seed={seed!r}: give a whole number >= 0, or "random".')
    rules = {"vjp": vjp, "jvp": jvp, "jac": jac, "grad": grad, "hess": hess, "hessp": hessp, "backward": backward}
    said = {"spec": spec, "convention": convention}
    request = Request(inputs, args, sizes or {}, floating_types(dtype), options, name, **said)
    method, meter = by or Sampling(), Budget(budget)
    fixed = () if cotangent is None else cotangent if isinstance(cotangent, tuple) else (cotangent,)
    if fixed and not isinstance(method, Sampling):
        raise Misuse("cotangent= fixes v for Sampling at given inputs; leave by= out.")
    verdicts: list[Verdict] = []
    with untouched_state():
        subjects, notes = subjects_of(f, rules, request)
        for subject in _answering(subjects, fixed):
            chosen = laws_of(subject.spec) if laws is None else laws_named(laws)
            chosen = tuple(law for law in chosen if _is_about(law, subject, subjects))

            def judged(subject: Subject, laws: tuple[Law, ...] = chosen) -> tuple[Verdict, ...]:
                own = _with_cotangent(method, subject, fixed)
                return run(subject, laws, own, seed=seed, budget=meter, strict=strict)

            found = judged(subject)
            if any(v.derivative for v in found) and not any(v.trials for v in found if v.derivative):
                whole = halved(subject, convention or "torch")  # of a complex value nothing is tried
                if whole.form is not subject.form:
                    notes.append(told(convention or "torch"))
                    subject, found = whole, judged(whole)
            about = {law.name: law for law in chosen}
            verdicts += [explained(v, about[v.law], subject, convention or "torch", judged) for v in found]
    return Report(tuple(verdicts), seed, tuple(dict.fromkeys(notes)))


def _is_about(law: Law, subject: Subject, subjects: list[Subject]) -> bool:
    """Is this the subject, or one of those, that the law can speak of: with the rules it needs, and of its spec?"""
    able = [s for s in subjects if not law.missing(s)] or subjects
    promised = [s for s in able if law in SPECS.get(s.spec, ()) or law in DEFAULT]
    return any(s is subject for s in promised or able)


def _answering(subjects: list[Subject], cotangent: tuple[Any, ...]) -> list[Subject]:
    """The subjects with a value that the cotangent fits, if one is given; Misuse where there is none."""
    fitting = [s for s in subjects if not cotangent or not s.domain.fixed or _fits(s, cotangent)]
    if not fitting:
        shapes = ", ".join(str(np.shape(c)) for c in cotangent)
        raise Misuse(f"cotangent= has shape {shapes}; it must be like the value of {subjects[0].name}.")
    return fitting


def _fits(subject: Subject, cotangent: tuple[Any, ...]) -> bool:
    try:
        with left_as_found((subject.value,)):
            y = subject.forward(vectors([a.array for a in subject.domain.arguments.values()]))  # type: ignore[union-attr]
        v = cotangent if subject.form is None else subject.form.cotangent(cotangent)
    except Broken:
        return True  # which is told when it is judged
    except ValueError:
        return False
    return [np.shape(c) for c in v] == [p.shape for p in y]


def _with_cotangent(method: Method | Prover, subject: Subject, cotangent: tuple[Any, ...]) -> Method | Prover:
    """The method with v fixed, in the form in which the subject takes it."""
    if not cotangent or not isinstance(method, Sampling):
        return method
    own = cotangent if subject.form is None else subject.form.cotangent(cotangent)
    return replace(method, instruments=replace(method.instruments, cotangent=own))


def run(
    subject: Subject,
    laws: tuple[Law, ...],
    by: Method | Prover,
    *,
    seed: int = 0,
    budget: Budget | None = None,
    strict: bool = False,
) -> tuple[Verdict, ...]:
    """The verdict on each law that the subject's rules allow; one law alone is judged, or said to be missing a rule."""
    allowed = tuple(law for law in laws if not law.missing(subject)) if len(laws) > 1 else laws
    return survey(allowed, subject, by=by, seed=seed, budget=budget, strict=strict)


@contextmanager
def untouched_state() -> Iterator[None]:
    """The global random states, NumPy's and Python's, are the same afterwards as before, whatever the subject draws."""
    state, python = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
        random.setstate(python)
