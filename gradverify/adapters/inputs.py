"""What a user gives as inputs becomes a Domain: arrays, Boxes, tuples, dicts, annotations, or shapes found by trial."""

from __future__ import annotations

import enum
import inspect
import itertools
import typing
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradverify._domain import At, Box, Domain
from gradverify._errors import Misuse
from gradverify._floating import is_floating, is_inexact, is_number

SHAPES = ("n k", "n", "", "n n", "n c h w")  # tried in this order where nothing is said
MOST = 400  # combinations tried for each first shape
EXAMPLES = ({"n": 3, "k": 4, "m": 2, "c": 2, "h": 4, "w": 5}, {"n": 2, "k": 5, "m": 3, "c": 3, "h": 5, "w": 4})
PARTNERS = {"n k": ("n k", "k m", "k", "n", "n m", "m k", "m", ""), "n": ("n", "", "m", "n n"), "": ("", "n")}


def argument_names(f: Callable[..., Any], count: int) -> tuple[str, ...]:
    """The names of f's first positional parameters; x0, x1, ... where it has no signature."""
    try:
        found = [
            p
            for p in inspect.signature(f).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        found = []
    names = [p.name for p in found][:count]
    return (*names, *(f"x{k}" for k in range(len(names), count)))


def domain_of(inputs: Any, f: Callable[..., Any], sizes: Mapping[str, Any], dtypes: tuple[str, ...]) -> Domain:
    """The Domain of ``inputs=``: one input, a tuple (one per argument), or a dict by argument name."""
    if isinstance(inputs, Mapping):
        return Domain(_in_order(inputs, f), sizes) if not dtypes else _cast(Domain(_in_order(inputs, f), sizes), dtypes)
    given = inputs if isinstance(inputs, tuple) else (inputs,)
    if not given:
        raise Misuse('inputs=() is empty; give one array or Box for each argument, such as inputs=gv.Box("n k").')
    names = argument_names(f, len(given))
    domain = Domain({name: place(name, value) for name, value in zip(names, given, strict=True)}, sizes)
    return _cast(domain, dtypes) if dtypes else domain


def named_like(domain: Domain, own: Domain) -> Domain:
    """The same places under the names of a Subject's own domain, in their order."""
    if len(domain.names) != len(own.names):
        raise Misuse(f"inputs= gives {len(domain.names)} input(s); the subject takes {', '.join(own.names)}.")
    if set(domain.names) == set(own.names):
        return Domain({name: domain.arguments[name] for name in own.names}, domain.sizes)
    return Domain(dict(zip(own.names, domain.arguments.values(), strict=True)), domain.sizes)


def _in_order(inputs: Mapping[str, Any], f: Callable[..., Any]) -> dict[str, Box | At]:
    try:
        parameters = inspect.signature(f).parameters
    except (TypeError, ValueError):
        return {name: place(name, value) for name, value in inputs.items()}
    unknown = [name for name in inputs if name not in parameters]
    if unknown and not any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
        raise Misuse(
            f"inputs={{{unknown[0]!r}: ...}}: there is no such argument; the function takes {', '.join(parameters)}."
        )
    ordered = [*(n for n in parameters if n in inputs), *(n for n in inputs if n not in parameters)]
    return {name: place(name, inputs[name]) for name in ordered}


def _cast(domain: Domain, dtypes: tuple[str, ...]) -> Domain:
    """Given arrays in the one dtype asked for."""
    cast: dict[str, Box | At] = {}
    for name, a in domain.arguments.items():
        if isinstance(a, At) and is_floating(a.array.dtype) and len(dtypes) == 1 and a.array.dtype.name != dtypes[0]:
            a = At(a.array.astype(dtypes[0]), a.low, a.high, a.kind)
        cast[name] = a
    return Domain(cast, domain.sizes)


def place(name: str, value: Any) -> Box | At:
    """A Box or At from what was given for one argument; Misuse for what cannot be differentiated at."""
    if isinstance(value, Box):
        return value
    at = value if isinstance(value, At) else None
    array = at.array if at else np.asarray(value) if not isinstance(value, str) else None
    if array is None or not is_number(array.dtype):
        found = f"a {type(value).__name__}" if array is None else f"an array of dtype {array.dtype}"
        found = "an array of Python objects" if array is not None and array.dtype.kind == "O" else found
        raise Misuse(f'{name} is {found}; give an array of numbers, or a Box such as gv.Box("n k") to generate one.')
    if is_inexact(array.dtype) and not np.all(np.isfinite(array)):
        bad = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        entry = f"{name}[{', '.join(map(str, bad))}]" if bad else name
        raise Misuse(f"{entry} is {array[bad]}; there is no derivative at such a point. Give finite inputs.")
    if is_inexact(array.dtype) and at is not None:
        halves = ("real", "imag") if at.complex else ("real",)
        if any(np.any(part < low) or np.any(part > high) for part, low, high in map(at.half, halves)):
            raise Misuse(
                f"{name} lies outside its own range low={at.low}, high={at.high}; move it inside or widen the range."
            )
    return at or At(array)


def require_a_float(domain: Domain) -> None:
    """Misuse where every input is whole: there is nothing to differentiate in."""
    if domain.smooth:
        return
    described = ", ".join(f"{n} ({getattr(a, 'dtype', None) or a.kind})" for n, a in domain.arguments.items())
    first = domain.names[0]
    raise Misuse(f"no input is a floating array: {described}. A derivative needs one; write {first}.astype(float).")


def annotated(f: Callable[..., Any]) -> dict[str, Box] | None:
    """Boxes from ``Annotated[np.ndarray, gv.Box("n k")]``, or from jaxtyping's ``Float[np.ndarray, "n k"]``.

    jaxtyping is not imported for it.
    """
    try:
        hints = typing.get_type_hints(f, include_extras=True)
    except Exception:
        return None
    boxes = {}
    for name in (n for n in inspect.signature(f).parameters if n in hints):
        box = _box_of(hints[name])
        if box is not None:
            boxes[name] = box
    return boxes or None


def _box_of(hint: Any) -> Box | None:
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, Box):
            return extra
    dims = getattr(hint, "dim_str", None)  # a jaxtyping annotation
    if isinstance(dims, str) and all(t.isidentifier() or t.isdigit() for t in dims.split()):
        kinds = tuple(getattr(hint, "dtypes", ()) or ())
        integer = bool(kinds) and all("int" in str(k) for k in kinds)
        return None if integer else Box(dims)
    return None


def found_by_trial(names: tuple[str, ...], fits: Callable[[tuple[Any, ...]], bool]) -> dict[str, Box] | None:
    """The first combination of shapes that fits with two sets of sizes, so that n = k is no accident."""
    for shape in SHAPES:
        options = [PARTNERS.get(shape, (shape,))] * (len(names) - 1)
        for rest in itertools.islice(itertools.product(*options), MOST):
            shapes = (shape, *rest)
            if all(fits(_example(shapes, sizes)) for sizes in EXAMPLES):
                return {name: Box(s) for name, s in zip(names, shapes, strict=True)}
    return None


def _example(shapes: tuple[str, ...], sizes: Mapping[str, int]) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(7)
    return tuple(0.5 + rng.random(Box(s).dims(sizes)) for s in shapes)


def swept(
    f: Callable[..., Any], rules: tuple[Callable[..., Any] | None, ...], taken: int
) -> dict[str, tuple[Any, ...]]:
    """Booleans, enumerations and Literals among f's further keywords that every rule takes too: all their values.

    The default comes first.
    """
    try:
        parameters = list(inspect.signature(f).parameters.values())[taken:]
    except (TypeError, ValueError):
        return {}
    if not parameters:
        return {}
    try:
        hints = typing.get_type_hints(f)
    except Exception:  # names that exist for a type checker only
        hints = {}
    out: dict[str, tuple[Any, ...]] = {}
    for p in parameters:
        values = _values(p, hints.get(p.name))
        if len(values) > 1 and all(_takes(rule, p.name) for rule in rules if rule is not None):
            out[p.name] = values
    return out


def _values(p: inspect.Parameter, hint: Any) -> tuple[Any, ...]:
    """The few values that a parameter may have, its default first; none where they are not so few."""
    if p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
        return ()
    default = () if p.default is p.empty else (p.default,)
    kind = type(p.default) if isinstance(p.default, bool | enum.Enum) else hint
    if kind is bool:
        return (*default, not p.default) if default else (False, True)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return (*default, *(member for member in kind if member not in default))
    if typing.get_origin(kind) is typing.Literal:
        return tuple(dict.fromkeys((*default, *typing.get_args(kind))))
    return ()


def _takes(rule: Callable[..., Any], name: str) -> bool:
    try:
        parameters = inspect.signature(rule).parameters
    except (TypeError, ValueError):
        return False
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def required_names(f: Callable[..., Any], extra: int) -> tuple[str, ...]:
    """The arguments f cannot do without, less the last ``extra`` that ``args=`` supplies."""
    try:
        found = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return ()
    names = [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty]
    return tuple(names[: len(names) - extra])
