"""Every way to write a NumPy derivative becomes a Subject: pairs, forward rules, Jacobians, (out, cache), layers."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gradverify._domain import At, Box, Domain
from gradverify._errors import Misuse
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
    _accepts(f, len(domain.names) + len(args), name)
    _accepts(vjp, 1 + len(domain.names) + len(args), f"{name}'s vjp")
    _accepts(jvp, 1 + len(domain.names) + len(args), f"{name}'s jvp")
    return Subject(
        name,
        _with(f, args),
        domain,
        vjp=None if vjp is None else _with(vjp, args),
        jvp=None if jvp is None else _with(jvp, args),
        dtypes=PAIR_DTYPES,
        call=call,
        literals=literals(f, vjp, jvp),
    )


def jacobian(
    f: Function,
    *,
    name: str,
    domain: Domain,
    jac: Function,
    args: tuple[Any, ...] = (),
    call: str = "",
    word: str = "jac",
) -> Subject:
    """``f`` with ``jac(*inputs, *args)``: the gradient of a scalar f, or the Jacobian (m, n) of a vector f."""
    _accepts(f, len(domain.names) + len(args), name)
    _accepts(jac, len(domain.names) + len(args), f"{name}'s {word}")
    n = len(domain.names)

    def vjp(g: Any, *inputs: Any, **options: Any) -> tuple[Any, ...]:
        found = jac(*inputs, *args, **options)
        given = tuple(found) if isinstance(found, tuple) and n > 1 else (found,)
        if len(given) != n:
            raise Broken(f"{name}'s {word}", f"returned {len(given)} array(s) for {n} inputs")
        return tuple(
            None if j is None else _pulled(np.asarray(j), g, x, f"{name}'s {word}")
            for j, x in zip(given, inputs, strict=True)
        )

    return Subject(name, _with(f, args), domain, vjp=vjp, call=call, literals=literals(f, jac))


def _pulled(j: Any, g: Any, x: Any, word: str) -> Any:
    """J' g in x's shape; J is (m, n), or shaped like the output followed by the input."""
    j, g = np.asarray(j), np.asarray(g)
    j = j.astype(x.dtype) if j.dtype.kind in "iub" else j
    if (
        j.size != g.size * x.size
        or (g.size > 1 and j.shape not in {(g.size, x.size), g.shape + x.shape})
        or (g.size == 1 and j.size != x.size)
    ):
        wanted = x.shape if g.size == 1 else (g.size, x.size)
        raise Broken(
            word,
            f"returned shape {j.shape}; for an input of shape {x.shape} and a value of shape {g.shape} it is {wanted}",
        )
    if g.size == 1 and j.shape not in {x.shape, g.shape + x.shape, (1, x.size)}:
        raise Broken(word, f"returned shape {j.shape}; the gradient of a scalar has its input's shape {x.shape}")
    return (
        (g.reshape(-1) @ j.reshape(g.size, x.size)).reshape(x.shape).astype(j.dtype if j.dtype.kind == "f" else x.dtype)
    )


def hessian_product(
    gradient: Function, *, name: str, domain: Domain, hessp: Function, args: tuple[Any, ...] = (), call: str = ""
) -> Subject:
    """``gradient`` with ``hessp(x, p, *args)``, as in scipy.optimize: a forward rule of the gradient."""
    if len(domain.names) != 1:
        raise Misuse(f"{name}: hessp= takes one input x and a direction p; there are {len(domain.names)} inputs.")

    def jvp(u: Any, x: Any, **options: Any) -> Any:
        return hessp(x, u, *args, **options)

    return Subject(name, _with(gradient, args), domain, jvp=jvp, call=call, literals=literals(gradient, hessp))


def cached(
    f: Function, *, name: str, domain: Domain, backward: Function, args: tuple[Any, ...] = (), call: str = ""
) -> Subject:
    """The course form: ``f(*inputs) -> (out, cache)``, ``backward(dout, cache)`` -> gradients, by name or in order."""
    _accepts(f, len(domain.names) + len(args), name)
    _accepts(backward, 2, f"{name}'s backward")

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
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            found[key] = value
        elif isinstance(value, dict) and not _gradient_name(key):
            found.update(
                {
                    k: v
                    for k, v in value.items()
                    if isinstance(k, str) and isinstance(v, np.ndarray) and v.dtype.kind == "f"
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
    _accepts(layer.forward, len(inputs) + len(args), f"{name}.forward")
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


def _with(f: Function, args: tuple[Any, ...]) -> Function:
    if not args:
        return f

    def call(*given: Any, **options: Any) -> Any:
        return f(*given, *args, **options)

    return call


def _accepts(f: Function | None, count: int, label: str) -> None:
    """Misuse if calling with this many positional arguments cannot work."""
    if f is None:
        return
    if not callable(f):
        raise Misuse(f"{label} is {type(f).__name__}, not a function; pass the function itself.")
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*[None] * count)
    except TypeError as mismatch:
        raise Misuse(
            f"{label}{signature} cannot take {count} positional argument(s): {mismatch}. See the README's table."
        ) from None


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
