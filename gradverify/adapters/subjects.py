"""Whatever form a derivative was written in, it is read here and becomes Subjects, one for each claim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from gradverify._domain import At, Box, Domain, Sizes
from gradverify._errors import Misuse
from gradverify._subject import Subject
from gradverify.adapters import inputs as given
from gradverify.adapters import numpy as forms


def floating_types(dtype: Any) -> tuple[str, ...]:
    """The names of one or several floating types; Misuse for anything else."""
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
    label = name or str(getattr(f, "__name__", type(f).__name__))
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
    return [
        _completed(s, f, claimed, len(domain.names) + len(args), dtypes, options, notes)
        for s in _made(f, claimed, label, domain, args)
    ]


def _made(f: Any, claimed: Mapping[str, Any], label: str, domain: Domain, args: tuple[Any, ...]) -> Iterator[Subject]:
    call = getattr(f, "__name__", "f").replace("<lambda>", "f")
    spoken = {rule: getattr(fn, "__name__", rule).replace("<lambda>", rule) for rule, fn in claimed.items()}
    extra = f", args={args!r}" if args else ""
    gradient = claimed.get("jac") or claimed.get("grad")
    word = "jac" if "jac" in claimed else "grad"
    if "vjp" in claimed or "jvp" in claimed:
        text = ", ".join([call, *(f"{r}={spoken[r]}" for r in ("vjp", "jvp") if r in claimed)]) + extra
        yield forms.pair(
            f, name=label, domain=domain, args=args, vjp=claimed.get("vjp"), jvp=claimed.get("jvp"), call=text
        )
    if gradient is not None:
        yield forms.jacobian(
            f,
            name=label,
            domain=domain,
            jac=gradient,
            args=args,
            call=f"{call}, {word}={spoken[word]}{extra}",
            word=word,
        )
    if "hess" in claimed and gradient is not None:
        text = f"{spoken[word]}, jac={spoken['hess']}{extra}"
        yield forms.jacobian(
            gradient,
            name=f"the gradient of {label}",
            domain=domain,
            jac=claimed["hess"],
            args=args,
            call=text,
            word="hess",
        )
    if "hessp" in claimed and gradient is not None:
        yield forms.hessian_product(gradient, name=f"the gradient of {label} (hessp)", domain=domain, hessp=claimed["hessp"], args=args,
                                    call=f"{call}, {word}={spoken[word]}, hessp={spoken['hessp']}{extra}")  # fmt: skip
    if "backward" in claimed:
        yield forms.cached(
            f,
            name=label,
            domain=domain,
            backward=claimed["backward"],
            args=args,
            call=f"{call}, backward={spoken['backward']}{extra}",
        )


def _completed(
    subject: Subject,
    f: Any,
    claimed: Mapping[str, Any],
    taken: int,
    dtypes: tuple[str, ...],
    options: Mapping[str, Any] | None,
    notes: list[str],
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
    f: Any,
    inputs: Any,
    sizes: Sizes,
    dtypes: tuple[str, ...],
    claimed: Mapping[str, Any],
    args: tuple[Any, ...],
    label: str,
    notes: list[str],
) -> Domain:
    if inputs is not None:
        return given.domain_of(inputs, f, sizes, dtypes)
    boxes = given.annotated(f)
    if boxes is not None:
        notes.append(
            f"{label}: inputs from its annotations: " + ", ".join(f'{n} "{b.shape}"' for n, b in boxes.items())
        )
        return Domain(boxes, sizes)
    names = given.required_names(f, len(args))

    def runs(example: tuple[Any, ...], strict: bool) -> bool:
        return all(
            _runs(subject, example, strict)
            for subject in _made(f, claimed, label, Domain(dict.fromkeys(names, Box())), args)
        )

    found = None
    for strict in (True, False) if names else ():  # gradients in their inputs' shapes first, then any answer
        found = found or given.found_by_trial(names, partial(runs, strict=strict))
    if found is None:
        raise Misuse(
            f'{label}: inputs= was not given and no shapes were found by trial; write inputs=gv.Box("n k"), one Box for each argument.'
        )
    notes.append(
        f"{label}: shapes found by trial: "
        + ", ".join(f'{n} "{b.shape}"' for n, b in found.items())
        + "; give inputs= to say otherwise"
    )
    return Domain(found, sizes)


def _runs(subject: Subject, example: tuple[Any, ...], strict: bool = True) -> bool:
    """Does the value, and the rule with a cotangent of ones, take this example (and, if strict, answer in its shapes)?"""
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
    shapes = [g is None or np.shape(g) == a.shape for g, a in zip(grads, example, strict=False)]
    return len(grads) == len(example) and (all(shapes) or not strict)


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
    subject = replace(
        subject, dtypes=dtypes or tuple(sorted(kinds)) or ("float64",), options=_lists(options) if options else {}
    )
    given.require_a_float(subject.domain)
    return [subject]


def _layer_shapes(
    layer: Any, label: str, names: tuple[str, ...], sizes: Sizes, args: tuple[Any, ...]
) -> dict[str, Box]:
    """Shapes by trial, with the parameters' own sizes among the candidates."""
    widths = sorted({str(n) for p in forms.parameters(layer).values() for n in p.shape})
    for shape in (*(f"n {w}" for w in widths), *widths, "n k", "n", *(f"n t {w}" for w in widths)):
        boxes = {n: Box(shape) for n in names}
        subject = forms.layer_subject(layer, name=label, inputs=boxes, sizes=sizes, args=args)
        own = tuple(a.array for a in subject.domain.arguments.values() if isinstance(a, At))
        if all(
            _runs(subject, tuple(np.ones(Box(shape).dims({"n": n, "k": 3, "t": 2})) for _ in names) + own)
            for n in (2, 3)
        ):
            return boxes
    raise Misuse(
        f'{label}: no shape of its input was found by trial; write inputs=gv.Box("n 3"), one Box for each argument of forward.'
    )
