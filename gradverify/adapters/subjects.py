"""Whatever form a derivative was written in, it is read here and becomes Subjects, one for each claim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from gradverify._domain import At, Box, Domain, Sizes
from gradverify._errors import Misuse
from gradverify._floating import floating_type
from gradverify._subject import Subject
from gradverify.adapters import inputs as given
from gradverify.adapters import numpy as forms
from gradverify.adapters.complex import checked, halved, told
from gradverify.adapters.jacobian import hessian, jacobian
from gradverify.surroundings import left_as_found


def floating_types(dtype: Any) -> tuple[str, ...]:
    """The names of one or several floating types; Misuse for anything else."""
    if dtype is None:
        return ()
    given = dtype if isinstance(dtype, tuple | list) else (dtype,)
    for d in given:
        if isinstance(d, str) and d.startswith("complex"):
            raise Misuse(f'dtype="{d}" is for a Box: write inputs=gv.Box("n", dtype="{d}"), and leave dtype= out.')
    return tuple(floating_type(d).name for d in given)


@dataclass(frozen=True)
class Request:
    """What a check was asked for beside the function and its rules; ``prefix`` and ``setup`` are for witnesses.

    A witness names functions with ``prefix`` before them (``m.``) after running ``setup``
    (``m = gv.load("bad.py")``).
    """

    inputs: Any = None
    args: tuple[Any, ...] = ()
    sizes: Sizes = field(default_factory=dict)
    dtypes: tuple[str, ...] = ()
    options: Mapping[str, Any] | None = None
    name: str | None = None
    prefix: str = ""
    setup: str = ""
    spec: str = ""
    convention: str = ""  # of gradients by complex numbers; where it is said, complex values are looked for too

    def spoken(self, function: Any, otherwise: str) -> str:
        """How a witness names this function."""
        name = str(getattr(function, "__name__", otherwise))
        return self.prefix + (name if name.isidentifier() else otherwise)

    @property
    def swept(self) -> dict[str, tuple[Any, ...]]:
        """The options asked for, each with its values."""
        asked = self.options or {}
        for name, values in asked.items():
            if isinstance(values, list | tuple) and not values:
                raise Misuse(f"options={{{name!r}: {values!r}}}: give the values to try, or leave the option out.")
        return {k: tuple(v) if isinstance(v, list | tuple) else (v,) for k, v in asked.items()}


def subjects_of(f: Any, rules: Mapping[str, Any], request: Request) -> tuple[list[Subject], list[str]]:
    """The Subjects in what was given, one for each derivative that is claimed, and what was assumed for them."""
    claimed = {rule: function for rule, function in rules.items() if function is not None}
    notes: list[str] = []
    if isinstance(f, Subject):
        return _in_halves([_restricted(f, claimed, request)], request, notes), notes
    if not isinstance(request.args, tuple):
        raise Misuse(f"args={request.args!r}: give a tuple, such as args=(3.0,).")
    label = request.name or str(getattr(f, "__name__", type(f).__name__))
    if not callable(f) or (hasattr(f, "forward") and hasattr(f, "backward") and not claimed):
        made = [_layer(f, claimed, label, request, notes)]
    else:
        _consistent(claimed, label)
        domain = _domain(f, claimed, label, request, notes)
        given.require_a_float(domain)
        made = [_completed(s, f, claimed, request, notes) for s in _made(f, claimed, label, domain, request)]
    made = [replace(s, setup=request.setup) for s in made] if request.setup else made
    return _in_halves(made, request, notes), notes


def _in_halves(subjects: list[Subject], request: Request, notes: list[str]) -> list[Subject]:
    """The subjects, on real and imaginary parts where numbers are complex, each with the spec that was asked for."""
    made = [replace(s, spec=request.spec) if request.spec and s.spec != "gradient" else s for s in subjects]
    convention = checked(request.convention or "torch")
    complex_inputs = any(place.complex for s in made for place in s.domain.arguments.values())
    if not complex_inputs and not request.convention:
        return made
    out = [halved(s, convention) for s in made]
    if any(s.form for s in out):
        notes.append(told(convention))
    return out


def _restricted(subject: Subject, claimed: Mapping[str, Any], request: Request) -> Subject:
    """A Subject on the inputs, sizes, types and options that were asked for."""
    if claimed:
        raise Misuse(f"{subject.name} is a Subject and claims its own derivative; leave {', '.join(claimed)}= out.")
    domain = subject.domain
    if request.inputs is not None:
        domain = given.domain_of(request.inputs, subject.value, request.sizes, request.dtypes)
        domain = given.named_like(domain, subject.domain)
    elif request.sizes:
        domain = Domain(domain.arguments, request.sizes)
    options = request.swept or subject.options
    name = request.name or subject.name
    return replace(subject, name=name, domain=domain, dtypes=request.dtypes or subject.dtypes, options=options)


def _consistent(claimed: Mapping[str, Any], label: str) -> None:
    """Misuse for no derivative, or for rules that do not go together."""
    if not claimed:
        raise Misuse(f"{label} claims no derivative; give one of vjp=, jvp=, jac=, grad=, hess=, backward=.")
    if "jac" in claimed and "grad" in claimed:
        raise Misuse(f"{label}: jac= and grad= are two names for one thing; give one of them.")
    if ("hess" in claimed or "hessp" in claimed) and not ("jac" in claimed or "grad" in claimed):
        raise Misuse(f"{label}: hess= is checked as the derivative of the gradient; give grad= (or jac=) as well.")
    others = [rule for rule in claimed if rule != "backward"]
    if "backward" in claimed and others:
        raise Misuse(f"{label}: backward= stands alone; leave {', '.join(others)}= out.")


def _made(f: Any, claimed: Mapping[str, Any], label: str, domain: Domain, request: Request) -> Iterator[Subject]:
    """A Subject for each rule, or pair of rules, that was given."""
    args = request.args
    said = [f'convention="{request.convention}"'] if request.convention else []

    def text(function: Any, *named: str) -> str:
        rules = (f"{rule}={request.spoken(claimed[rule], rule)}" for rule in named if rule in claimed)
        return ", ".join([request.spoken(function, "f"), *rules, *([f"args={args!r}"] if args else []), *said])

    word = "jac" if "jac" in claimed else "grad"
    gradient = claimed.get(word)
    if "vjp" in claimed or "jvp" in claimed:
        rules = {rule: claimed[rule] for rule in ("vjp", "jvp") if rule in claimed}
        yield forms.pair(f, name=label, domain=domain, args=args, call=text(f, "vjp", "jvp"), **rules)
    if gradient is not None:
        hermitian, call = request.convention != "jax", text(f, word)
        matrix = {"jac": gradient, "word": word, "hermitian": hermitian}
        yield jacobian(f, name=label, domain=domain, args=args, call=call, **matrix)
    second = {rule: claimed[rule] for rule in ("hess", "hessp") if rule in claimed}
    if second and gradient is not None:
        name, call = f"the gradient of {label}", text(f, word, "hess", "hessp")
        yield hessian(gradient, name=name, domain=domain, args=args, call=call, **second)
    if "backward" in claimed:
        backward = claimed["backward"]
        yield forms.cached(f, name=label, domain=domain, args=args, backward=backward, call=text(f, "backward"))


def _completed(subject: Subject, f: Any, claimed: Mapping[str, Any], request: Request, notes: list[str]) -> Subject:
    """The subject with the types and the options to sweep."""
    asked, taken = request.swept, len(subject.domain.names) + len(request.args)
    found = given.swept(f, tuple(claimed.values()) if "backward" not in claimed else (), taken)
    unasked = {name: values for name, values in found.items() if name not in asked}
    if unasked:
        notes.append("swept unasked: " + ", ".join(f"{k} in {list(v)!r}" for k, v in unasked.items()))
    options = {**asked, **unasked}
    for function in (f, *claimed.values()):
        for name in (name for name in forms.keywords(function) if name not in options):
            needs = f"{request.spoken(function, 'f')} needs {name}="
            raise Misuse(f"{subject.name}: {needs}; write options={{{name!r}: ...}}.")
    fixed = all(isinstance(a, At) or a.dtype for a in subject.domain.arguments.values())
    dtypes = request.dtypes or (subject.dtypes[:1] if fixed else subject.dtypes)
    return replace(subject, dtypes=dtypes, options=options)


def _domain(f: Any, claimed: Mapping[str, Any], label: str, request: Request, notes: list[str]) -> Domain:
    """What was given as inputs; else what the annotations say; else the shapes that fit."""
    if request.inputs is not None:
        return given.domain_of(request.inputs, f, request.sizes, request.dtypes)
    boxes = given.annotated(f)
    if boxes is not None:
        notes.append(f"{label}: inputs from its annotations: {_said(boxes)}")
        return Domain(boxes, request.sizes)
    names = given.required_names(f, len(request.args))

    def fits(example: tuple[Any, ...], asked: str) -> bool:
        places = Domain(dict.fromkeys(names, Box()))
        return all(_runs(subject, example, asked) for subject in _made(f, claimed, label, places, request))

    found = None
    for asked in ("shapes", "answer", "value") if names else ():
        found = found or given.found_by_trial(names, partial(fits, asked=asked))
    if found is None:
        raise Misuse(
            f"{label}: inputs= was not given, and no shapes were found by trial; "
            'write inputs=gv.Box("n k"), one Box for each argument.'
        )
    notes.append(f"{label}: shapes found by trial: {_said(found)}; give inputs= to say otherwise")
    return Domain(found, request.sizes)


def _said(boxes: Mapping[str, Box]) -> str:
    return ", ".join(f'{name} "{box.shape}"' for name, box in boxes.items())


def _runs(subject: Subject, example: tuple[Any, ...], asked: str) -> bool:
    """Does the value take this example; the rule too (``answer``), gradients shaped like inputs (``shapes``)?"""
    try:
        with np.errstate(all="ignore"), left_as_found((subject.value, subject.vjp)):
            y = subject.value(*(a.copy() for a in example))
            if subject.vjp is None or asked == "value":
                return True
            ones = tuple(np.ones_like(o) for o in y) if isinstance(y, tuple) else np.ones_like(np.asarray(y))
            g = subject.vjp(ones, *(a.copy() for a in example))
    except Exception:
        return False
    grads = g if isinstance(g, tuple | list) else (g,)
    shaped = all(g is None or np.shape(g) == a.shape for g, a in zip(grads, example, strict=False))
    return len(grads) == len(example) and (shaped or asked == "answer")


def _layer(layer: Any, claimed: Mapping[str, Any], label: str, request: Request, notes: list[str]) -> Subject:
    """An object with forward and backward, its parameters among the inputs."""
    if not (hasattr(layer, "forward") and hasattr(layer, "backward")):
        kind = type(layer).__name__
        raise Misuse(f"{label} is of type {kind}, neither a function nor an object with forward and backward.")
    if isinstance(layer, type):
        raise Misuse(f"{label} is a class; give an object of it, such as {label}(...).")
    if claimed:
        raise Misuse(f"{label} brings its own backward; leave {', '.join(claimed)}= out.")
    places: Mapping[str, Box | At]
    weights: tuple[Any, ...] = ()
    if request.inputs is not None:
        inputs, weights = _with_parameters(layer, request)
        places = given.domain_of(inputs, layer.forward, request.sizes, request.dtypes).arguments
    else:
        boxes = given.annotated(layer.forward) or _layer_shapes(layer, label, request)
        notes.append(f"{label}: inputs assumed: {_said(boxes)}; give inputs= to say otherwise")
        places = boxes
    call = request.prefix + (f"{label}()" if label.isidentifier() else "layer")
    subject = forms.layer_subject(
        layer, name=label, inputs=places, sizes=request.sizes, args=request.args, call=call, weights=weights
    )
    kinds = {a.array.dtype.name for a in subject.domain.arguments.values() if isinstance(a, At) and a.smooth}
    given.require_a_float(subject.domain)
    return replace(subject, dtypes=request.dtypes or tuple(sorted(kinds)) or ("float64",), options=request.swept)


def _with_parameters(layer: Any, request: Request) -> tuple[Any, tuple[Any, ...]]:
    """A tuple longer than forward takes goes on with the parameters' values, as a witness gives them."""
    inputs, names = request.inputs, given.required_names(layer.forward, len(request.args))
    count = len(names)
    if isinstance(inputs, tuple) and 0 < count < len(inputs) == count + len(forms.trainable(layer, names)):
        return inputs[:count], inputs[count:]
    return inputs, ()


def _layer_shapes(layer: Any, label: str, request: Request) -> dict[str, Box]:
    """Shapes by trial, with the parameters' own sizes among the candidates."""
    names = given.required_names(layer.forward, len(request.args))
    widths = sorted({str(n) for p in forms.parameters(layer).values() for n in p.shape})
    for shape in (*(f"n {w}" for w in widths), *widths, "n k", "n", *(f"n t {w}" for w in widths)):
        boxes = {n: Box(shape) for n in names}
        subject = forms.layer_subject(layer, name=label, inputs=boxes, sizes=request.sizes, args=request.args)
        own = tuple(a.array for a in subject.domain.arguments.values() if isinstance(a, At))
        examples = (tuple(np.ones(Box(shape).dims({"n": n, "k": 3, "t": 2})) for _ in names) for n in (2, 3))
        if all(_runs(subject, example + own, "shapes") for example in examples):
            return boxes
    raise Misuse(
        f"{label}: no shape of its input was found by trial; "
        'write inputs=gv.Box("n 3"), one Box for each argument of forward.'
    )
