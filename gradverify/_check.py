"""``check`` is the first door: whatever form a derivative was written in, it becomes Subjects, and every law a Verdict."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from gradverify._domain import At, Box, Domain
from gradverify._errors import Misuse
from gradverify._law import Law
from gradverify._method import Method, examine
from gradverify._subject import Subject
from gradverify._verdict import Report, Status, Verdict
from gradverify.adapters import inputs as given
from gradverify.adapters import numpy as forms
from gradverify.laws import laws_named, laws_of
from gradverify.sampling import Sampling

Sizes = Mapping[str, int | tuple[int, int]]
Progress = Callable[[Verdict], None]


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
    by: Method | None = None,
    seed: int | str = 0,
    budget: int | float | None = None,
    name: str | None = None,
    strict: bool = False,
    cotangent: Any = None,
    progress: Progress | None = None,
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
    dtypes = _dtypes(dtype)
    notes: list[str] = []
    rules = {"vjp": vjp, "jvp": jvp, "jac": jac, "grad": grad, "hess": hess, "hessp": hessp, "backward": backward}
    subjects = subjects_of(f, rules, inputs=inputs, args=args, sizes=sizes or {}, dtypes=dtypes, options=options, name=name, notes=notes)
    method = by or Sampling()
    if cotangent is not None:
        if not isinstance(method, Sampling):
            raise Misuse("cotangent= fixes v for Sampling at given inputs; leave by= out.")
        method = replace(method, cotangent=cotangent if isinstance(cotangent, tuple) else (cotangent,))
    verdicts: list[Verdict] = []
    with untouched_state():
        for subject in subjects:
            chosen = laws_of(spec or subject.spec) if laws is None else laws_named(laws)
            if spec:
                subject = replace(subject, spec=spec)
            verdicts += run(subject, chosen, method, seed, budget, strict, progress)
    return Report(tuple(verdicts), seed, tuple(notes))


def run(
    subject: Subject, laws: tuple[Law, ...], by: Method, seed: int, budget: int | float | None = None, strict: bool = False,
    progress: Progress | None = None,
) -> Iterator[Verdict]:  # fmt: skip
    """The verdict on each law that the subject's rules allow, as they come."""
    counted, spent = metered(subject, budget)
    failed: set[str] = set()
    for law in laws:
        if law.missing(subject) and len(laws) > 1:
            continue
        told = [name for name in law.after if name in failed]
        if told:
            reason = f"not judged: it rests on {told[0]}, which fails"
            verdict = Verdict(subject.name, law.name, law.statement, Status.UNDECIDED, by.name, reason=reason)
        else:
            verdict = examine(law, counted, by=by, seed=seed, spent=spent, strict=strict)
        if verdict.status is Status.FAILS:
            failed.add(law.name)
        if progress is not None:
            progress(verdict)
        yield verdict


def metered(subject: Subject, budget: int | float | None) -> tuple[Subject, Callable[[], bool] | None]:
    """The subject with its value's calls counted, and whether the budget (calls or seconds) is spent."""
    if budget is None:
        return subject, None
    if not isinstance(budget, int | float) or isinstance(budget, bool) or budget <= 0:
        raise Misuse(f"budget={budget!r}: give a number of evaluations (an int) or of seconds (a float), above 0.")
    if isinstance(budget, float):
        end = time.perf_counter() + budget
        return subject, lambda: time.perf_counter() > end
    calls = [0]

    def value(*inputs: Any, **options: Any) -> Any:
        calls[0] += 1
        return subject.value(*inputs, **options)

    return replace(subject, value=value), lambda: calls[0] >= budget


@contextmanager
def untouched_state() -> Iterator[None]:
    """NumPy's global random state is the same afterwards as before, whatever the subject draws."""
    state = np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _dtypes(dtype: Any) -> tuple[str, ...]:
    if dtype is None:
        return ()
    names = []
    for d in dtype if isinstance(dtype, tuple | list) else (dtype,):
        try:
            kind = np.dtype(d)
        except TypeError:
            raise Misuse(f"dtype={d!r} is not a NumPy dtype; write float64, float32 or float16.") from None
        if kind.kind != "f":
            raise Misuse(f"dtype={d!r} is not a floating type; a derivative needs float64, float32 or float16.")
        names.append(kind.name)
    return tuple(names)


def subjects_of(
    f: Any, rules: Mapping[str, Any], *, inputs: Any, args: tuple[Any, ...], sizes: Sizes, dtypes: tuple[str, ...],
    options: Mapping[str, Any] | None, name: str | None, notes: list[str],
) -> list[Subject]:  # fmt: skip
    """The Subjects in what was given, one for each derivative that is claimed."""
    claimed = {rule: fn for rule, fn in rules.items() if fn is not None}
    if isinstance(f, Subject):
        if claimed:
            raise Misuse(f"{f.name} is a Subject and claims its own derivative; leave {', '.join(claimed)}= out.")
        domain = f.domain if inputs is None else given.domain_of(inputs, f.value, sizes, dtypes)
        if inputs is None and sizes:
            domain = Domain(domain.arguments, sizes)
        subject = replace(f, domain=domain, dtypes=dtypes or f.dtypes, name=name or f.name)
        return [replace(subject, options=_lists(options)) if options else subject]
    if not isinstance(args, tuple):
        raise Misuse(f"args={args!r}: give a tuple, such as args=(3.0,).")
    label = name or getattr(f, "__name__", type(f).__name__)
    if not callable(f) or (hasattr(f, "forward") and hasattr(f, "backward") and not claimed):
        return _layer(f, claimed, label, inputs, sizes, args, dtypes, options, notes)
    if not claimed:
        raise Misuse(f"{label} claims no derivative; give one of vjp=, jvp=, jac=, grad=, hess=, backward=.")
    if "jac" in claimed and "grad" in claimed:
        raise Misuse(f"{label}: jac= and grad= are two names for one thing; give one of them.")
    if ("hess" in claimed or "hessp" in claimed) and not ("jac" in claimed or "grad" in claimed):
        raise Misuse(f"{label}: hess= is checked as the derivative of the gradient; give grad= (or jac=) as well.")
    if "backward" in claimed and len(claimed) > 1:
        raise Misuse(f"{label}: backward= stands alone; leave {', '.join(r for r in claimed if r != 'backward')}= out.")
    domain = _domain(f, inputs, sizes, dtypes, claimed, args, label, notes)
    given.require_a_float(domain)
    return [_completed(s, f, claimed, len(domain.names) + len(args), dtypes, options, notes) for s in _made(f, claimed, label, domain, args)]


def _made(f: Any, claimed: Mapping[str, Any], label: str, domain: Domain, args: tuple[Any, ...]) -> Iterator[Subject]:
    call = getattr(f, "__name__", "f").replace("<lambda>", "f")
    spoken = {rule: getattr(fn, "__name__", rule).replace("<lambda>", rule) for rule, fn in claimed.items()}
    extra = f", args={args!r}" if args else ""
    gradient = claimed.get("jac") or claimed.get("grad")
    word = "jac" if "jac" in claimed else "grad"
    if "vjp" in claimed or "jvp" in claimed:
        text = ", ".join([call, *(f"{r}={spoken[r]}" for r in ("vjp", "jvp") if r in claimed)]) + extra
        yield forms.pair(f, name=label, domain=domain, args=args, vjp=claimed.get("vjp"), jvp=claimed.get("jvp"), call=text)
    if gradient is not None:
        yield forms.jacobian(f, name=label, domain=domain, jac=gradient, args=args, call=f"{call}, {word}={spoken[word]}{extra}", word=word)
    if "hess" in claimed and gradient is not None:
        text = f"{spoken[word]}, jac={spoken['hess']}{extra}"
        yield forms.jacobian(gradient, name=f"the gradient of {label}", domain=domain, jac=claimed["hess"], args=args, call=text, word="hess")
    if "hessp" in claimed and gradient is not None:
        yield forms.hessian_product(gradient, name=f"the gradient of {label} (hessp)", domain=domain, hessp=claimed["hessp"], args=args,
                                    call=f"{call}, {word}={spoken[word]}, hessp={spoken['hessp']}{extra}")  # fmt: skip
    if "backward" in claimed:
        yield forms.cached(f, name=label, domain=domain, backward=claimed["backward"], args=args, call=f"{call}, backward={spoken['backward']}{extra}")


def _completed(
    subject: Subject, f: Any, claimed: Mapping[str, Any], taken: int, dtypes: tuple[str, ...], options: Mapping[str, Any] | None, notes: list[str]
) -> Subject:
    """The subject with its dtypes and the options to sweep."""
    found = {} if options else given.swept(f, tuple(claimed.get(r) for r in ("vjp", "jvp", "jac", "grad")), taken)
    if found:
        notes.append("swept unasked: " + ", ".join(f"{k} in {list(v)!r}" for k, v in found.items()))
    fixed = all(isinstance(a, At) or a.dtype for a in subject.domain.arguments.values())
    kinds = dtypes or (subject.dtypes[:1] if fixed else subject.dtypes)
    return replace(subject, dtypes=kinds, options=_lists(options) if options else found)


def _lists(options: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    return {k: tuple(v) if isinstance(v, list | tuple) else (v,) for k, v in options.items()}


def _domain(
    f: Any, inputs: Any, sizes: Sizes, dtypes: tuple[str, ...], claimed: Mapping[str, Any], args: tuple[Any, ...], label: str, notes: list[str]
) -> Domain:
    if inputs is not None:
        return given.domain_of(inputs, f, sizes, dtypes)
    boxes = given.annotated(f)
    if boxes is not None:
        notes.append(f"{label}: inputs from its annotations: " + ", ".join(f'{n} "{b.shape}"' for n, b in boxes.items()))
        return Domain(boxes, sizes)
    names = given.required_names(f, len(args))

    def tries(example: tuple[Any, ...]) -> bool:
        return all(_runs(subject, example) for subject in _made(f, claimed, label, Domain(dict.fromkeys(names, Box())), args))

    found = given.found_by_trial(f, names, tries) if names else None
    if found is None:
        raise Misuse(f'{label}: inputs= was not given and no shapes were found by trial; write inputs=gv.Box("n k"), one Box for each argument.')
    notes.append(f"{label}: shapes found by trial: " + ", ".join(f'{n} "{b.shape}"' for n, b in found.items()) + "; give inputs= to say otherwise")
    return Domain(found, sizes)


def _runs(subject: Subject, example: tuple[Any, ...]) -> bool:
    """Does the value, and the rule with a cotangent of ones, take this example and answer in the right shapes?"""
    try:
        with np.errstate(all="ignore"):
            y = subject.value(*(a.copy() for a in example))
            ones = tuple(np.ones_like(o) for o in y) if isinstance(y, tuple) else np.ones_like(np.asarray(y))
            if subject.vjp is None:
                return True
            g = subject.vjp(ones, *(a.copy() for a in example))
    except Exception:
        return False
    grads = g if isinstance(g, tuple | list) else (g,)
    return len(grads) == len(example)


def _layer(
    layer: Any, claimed: Mapping[str, Any], label: str, inputs: Any, sizes: Sizes, args: tuple[Any, ...], dtypes: tuple[str, ...],
    options: Mapping[str, Any] | None, notes: list[str],
) -> list[Subject]:  # fmt: skip
    if not (hasattr(layer, "forward") and hasattr(layer, "backward")):
        raise Misuse(f"{label} is {type(layer).__name__}, neither a function nor an object with forward and backward.")
    if isinstance(layer, type):
        raise Misuse(f"{label} is a class; give an object of it, such as {label}(...).")
    if claimed:
        raise Misuse(f"{label} brings its own backward; leave {', '.join(claimed)}= out.")
    if inputs is None:
        boxes = given.annotated(layer.forward)
        names = given.required_names(layer.forward, len(args))
        if boxes is None:
            boxes = _layer_shapes(layer, label, names, sizes, args)
        notes.append(f"{label}: inputs assumed: " + ", ".join(f'{n} "{b.shape}"' for n, b in boxes.items()))
        places: Mapping[str, Box | At] = boxes
    else:
        places = given.domain_of(inputs, layer.forward, sizes, dtypes).arguments
    subject = forms.layer_subject(layer, name=label, inputs=places, sizes=sizes, args=args, call=f"{label}()")
    kinds = {a.array.dtype.name for a in subject.domain.arguments.values() if isinstance(a, At) and a.smooth}
    subject = replace(subject, dtypes=dtypes or tuple(sorted(kinds)) or ("float64",), options=_lists(options) if options else {})
    given.require_a_float(subject.domain)
    return [subject]


def _layer_shapes(layer: Any, label: str, names: tuple[str, ...], sizes: Sizes, args: tuple[Any, ...]) -> dict[str, Box]:
    """Shapes by trial, with the parameters' own sizes among the candidates."""
    widths = sorted({str(n) for p in forms.parameters(layer).values() for n in p.shape})
    for shape in (*(f"n {w}" for w in widths), *widths, "n k", "n", *(f"n t {w}" for w in widths)):
        boxes = {n: Box(shape) for n in names}
        subject = forms.layer_subject(layer, name=label, inputs=boxes, sizes=sizes, args=args)
        own = tuple(a.array for a in subject.domain.arguments.values() if isinstance(a, At))
        if all(_runs(subject, tuple(np.ones(Box(shape).dims({"n": n, "k": 3, "t": 2})) for _ in names) + own) for n in (2, 3)):
            return boxes
    raise Misuse(f'{label}: no shape of its input was found by trial; write inputs=gv.Box("n 3"), one Box for each argument of forward.')
