"""``check`` is the first door: what was written becomes Subjects, and every law about them a Verdict."""

from __future__ import annotations

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
from gradverify._subject import Subject
from gradverify._tally import Budget
from gradverify._verdict import Report, Verdict
from gradverify.adapters.subjects import Request, floating_types, subjects_of
from gradverify.laws import laws_named, laws_of
from gradverify.sampling import Sampling


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
    """
    if seed == "random":
        seed = secrets.randbelow(2**31)
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise Misuse(f'seed={seed!r}: give a whole number >= 0, or "random".')
    rules = {"vjp": vjp, "jvp": jvp, "jac": jac, "grad": grad, "hess": hess, "hessp": hessp, "backward": backward}
    request = Request(inputs, args, sizes or {}, floating_types(dtype), options, name)
    subjects, notes = subjects_of(f, rules, request)
    method, meter = by or Sampling(), Budget(budget)
    if cotangent is not None:
        if not isinstance(method, Sampling):
            raise Misuse("cotangent= fixes v for Sampling at given inputs; leave by= out.")
        fixed = cotangent if isinstance(cotangent, tuple) else (cotangent,)
        method = replace(method, instruments=replace(method.instruments, cotangent=fixed))
    verdicts: list[Verdict] = []
    with untouched_state():
        for subject in subjects:
            chosen = laws_of(spec or subject.spec) if laws is None else laws_named(laws)
            chosen = tuple(law for law in chosen if not law.missing(subject) or all(map(law.missing, subjects)))
            if spec:
                subject = replace(subject, spec=spec)
            verdicts += run(subject, chosen, method, seed=seed, budget=meter, strict=strict)
    return Report(tuple(verdicts), seed, tuple(notes))


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
    """NumPy's global random state is the same afterwards as before, whatever the subject draws."""
    state = np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
