"""Every way to write a NumPy derivative becomes a Subject: pairs, forward rules, (out, cache), layers."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradverify._domain import At, Box, Domain
from gradverify._errors import Misuse
from gradverify._floating import is_inexact
from gradverify._subject import Broken, Subject, outputs
from gradverify.points import literals

PAIR_DTYPES = ("float64", "float32")  # what a pair is tried in where its Boxes name no dtype
PREFIXES = ("d", "grad_", "d_", "g_")  # how backward passes name the gradient of x: dx, grad_x
SUFFIXES = ("_grad", "_gradient")
Function = Callable[..., Any]


def pair(
    f: Function,
    *,
    name: str,
    domain: Domain,
    args: tuple[Any, ...] = (),
    vjp: Function | None = None,
    jvp: Function | None = None,
    call: str = "",
) -> Subject:
    """``f`` with ``vjp(g, *inputs, *args)`` and/or ``jvp(u, *inputs, *args)``."""
    accepts(f, len(domain.names) + len(args), name)
    accepts(vjp, 1 + len(domain.names) + len(args), f"{name}'s vjp")
    accepts(jvp, 1 + len(domain.names) + len(args), f"{name}'s jvp")
    return Subject(
        name,
        with_args(f, args),
        domain,
        vjp=None if vjp is None else with_args(vjp, args),
        jvp=None if jvp is None else with_args(jvp, args),
        dtypes=PAIR_DTYPES,
        call=call,
        literals=literals(f, vjp, jvp),
    )


def cached(
    f: Function, *, name: str, domain: Domain, backward: Function, args: tuple[Any, ...] = (), call: str = ""
) -> Subject:
    """The course form: ``f(*inputs) -> (out, cache)``, ``backward(dout, cache)`` -> gradients, by name or in order."""
    accepts(f, len(domain.names) + len(args), name)
    accepts(backward, 2, f"{name}'s backward")

    def value(*inputs: Any, **options: Any) -> Any:
        found = f(*inputs, *args, **options)
        if not isinstance(found, tuple) or len(found) != 2:
            raise Broken(name, f"returned {type(found).__name__}; with backward= it returns a pair (out, cache)")
        return found[0]

    def vjp(g: Any, *inputs: Any, **options: Any) -> tuple[Any, ...]:
        _, cache = f(*inputs, *args, **options)
        return by_argument(backward(g, cache), domain, f"{name}'s backward")

    return Subject(name, value, domain, vjp=vjp, dtypes=PAIR_DTYPES, call=call, literals=literals(f, backward))


def by_argument(found: Any, domain: Domain, label: str) -> tuple[Any, ...]:
    """Gradients in the arguments' order: from a dict by name (``x`` or ``dx``), or a tuple for the smooth ones."""
    names = domain.names
    if isinstance(found, Mapping):
        return tuple(named(found, name) for name in names)
    given = tuple(found) if isinstance(found, tuple | list) else (found,)
    if len(given) == len(names):
        return given
    smooth = domain.smooth
    if len(given) == len(smooth):
        return tuple(given[smooth.index(k)] if k in smooth else None for k in range(len(names)))
    raise Broken(label, f"returned {len(given)} gradient(s) for the inputs {', '.join(names)}")


def named(found: Mapping[str, Any], name: str) -> Any:
    """The gradient of ``name`` in a mapping, under the names that are usual for it; None where there is none."""
    usual = (name, *(p + name for p in PREFIXES), *(name + s for s in SUFFIXES))
    return next((found[key] for key in usual if key in found), None)


def parameters(layer: Any) -> dict[str, np.ndarray]:
    """The floating arrays among a layer's attributes, and in its dicts of arrays, by name."""
    found: dict[str, np.ndarray] = {}
    for key, value in vars(layer).items() if hasattr(layer, "__dict__") else ():
        if isinstance(value, np.ndarray) and is_inexact(value.dtype):
            found[key] = value
        elif isinstance(value, dict) and not _gradient_name(key):
            found.update(
                {
                    k: v
                    for k, v in value.items()
                    if isinstance(k, str) and isinstance(v, np.ndarray) and is_inexact(v.dtype)
                }
            )
    return found


def trainable(layer: Any, inputs: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The parameters that are neither inputs by name nor the gradients of others: W and b, not dW and db."""
    weights = parameters(copy.deepcopy(layer))
    others = {w for p in weights for w in (*(q + p for q in PREFIXES), *(p + s for s in SUFFIXES))}
    return {p: weight for p, weight in weights.items() if p not in others and p not in inputs}


def _gradient_name(key: str) -> bool:
    return key.lower().startswith(("grad", "d_", "cache")) or key.lower().endswith(SUFFIXES)


def _set(layer: Any, name: str, value: np.ndarray) -> None:
    if name in vars(layer):
        setattr(layer, name, value)
        return
    for holder in vars(layer).values():
        if isinstance(holder, dict) and name in holder:
            holder[name] = value
            return


def _left_gradient(layer: Any, name: str) -> Any:
    """The gradient of a parameter that backward left on the layer: dW, grad_W, W_grad, grads["W"] ..."""
    attributes = vars(layer)
    usual = (*(p + name for p in PREFIXES), *(name + s for s in SUFFIXES))
    for key in usual:
        if isinstance(attributes.get(key), np.ndarray):
            return attributes[key]
    for key, holder in attributes.items():
        if isinstance(holder, dict) and _gradient_name(key):
            found = named(holder, name)
            if found is not None:
                return found
    return None


def layer_subject(
    layer: Any,
    *,
    name: str,
    inputs: Mapping[str, Box | At],
    sizes: Mapping[str, Any],
    args: tuple[Any, ...] = (),
    call: str = "",
    weights: tuple[Any, ...] = (),
) -> Subject:
    """An object with ``forward(*inputs)`` and ``backward(dout)``; its parameters are inputs too.

    A parameter is a floating array among the attributes or in a dict attribute, whose gradient
    backward leaves on the object (``dW``, ``grad_W``, ``W_grad``, ``grads["W"]``). The object is
    copied for every call, so it stays as it was.
    """
    accepts(layer.forward, len(inputs) + len(args), f"{name}.forward")
    accepts(layer.backward, 1, f"{name}.backward")
    kept = trainable(layer, tuple(inputs))
    if weights:
        kept = dict(zip(kept, map(np.asarray, weights), strict=True))
    domain = Domain({**inputs, **{p: At(weight) for p, weight in kept.items()}}, sizes)
    count = len(inputs)

    def ready(given: tuple[Any, ...]) -> Any:
        own = copy.deepcopy(layer)
        for parameter, weight in zip(kept, given[count:], strict=True):
            _set(own, parameter, weight)
        return own

    def value(*given: Any, **options: Any) -> Any:
        return ready(given).forward(*given[:count], *args, **options)

    def vjp(g: Any, *given: Any, **options: Any) -> tuple[Any, ...]:
        own = ready(given)
        own.forward(*given[:count], *args, **options)
        found = own.backward(g)
        if isinstance(found, Mapping):
            first: tuple[Any, ...] = tuple(named(found, n) for n in domain.names[:count])
            extra = dict(found)
        else:
            first = tuple(found) if isinstance(found, tuple | list) else (found,)
            extra = {}
        if len(first) == len(domain.names):
            return first
        if len(first) != count:
            raise Broken(f"{name}'s backward", f"returned {len(first)} gradient(s) for {count} input(s)")
        return (
            *first,
            *(named(extra, p) if p in extra or named(extra, p) is not None else _left_gradient(own, p) for p in kept),
        )

    methods = (getattr(type(layer), "forward", None), getattr(type(layer), "backward", None))
    return Subject(name, value, domain, vjp=vjp, call=call, literals=literals(*methods))


def with_args(f: Function, args: tuple[Any, ...]) -> Function:
    """f with these arguments after its inputs."""
    if not args:
        return f

    def call(*given: Any, **options: Any) -> Any:
        return f(*given, *args, **options)

    return call


def accepts(f: Function | None, count: int, label: str) -> None:
    """Misuse if calling with this many positional arguments, and the keywords it cannot do without, cannot work."""
    if f is None:
        return
    if not callable(f):
        raise Misuse(f"{label} is {type(f).__name__}, not a function; pass the function itself.")
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*[None] * count, **dict.fromkeys(_required(signature)))
    except TypeError as mismatch:
        raise Misuse(
            f"{label}{signature} cannot take {count} positional argument(s): {mismatch}. See the README's table."
        ) from None


def keywords(f: Function) -> tuple[str, ...]:
    """The keywords that f cannot do without; options supply them."""
    try:
        return _required(inspect.signature(f))
    except (TypeError, ValueError):
        return ()


def _required(signature: inspect.Signature) -> tuple[str, ...]:
    parameters = signature.parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty)


def output_shapes(subject: Subject, x: tuple[Any, ...]) -> tuple[tuple[int, ...], ...] | None:
    """The shapes of the outputs at x, or None where the function refuses."""
    try:
        with np.errstate(all="ignore"):
            return tuple(p.shape for p in outputs(subject.name, subject.value(*x, **subject.at)))
    except (Exception, Broken):
        return None


def renamed(subject: Subject, *, call: str, setup: str) -> Subject:
    """The same subject under the name by which a witness can reach it."""
    return replace(subject, call=call, setup=setup)
