"""Every case here is a NumPy function, a pullback that is right or wrong by construction, and a point."""

from __future__ import annotations

import importlib.util
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from peers import Pair

from gradverify import Subject, nn
from gradverify.faults import FAULTS, Fault

Array = np.ndarray
SIZES = {"n": 3, "k": 4, "d": 4, "i": 4, "o": 2}
VISIBLE = 1e-9  # of the largest entry: what a fault must change an answer by to be counted at a point in float64
SHAPE = (3, 4)
SEEDS = (0, 1, 2)
WRONG_BY = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 5e-2}  # a few units in the last place of each type
KINDS_OF_FAULT = ("the sign is wrong", "too large by 1e-5", "the cotangent enters squared", "writes into an input")
QUICK_OPS = ("softmax", "layer_norm", "relu", "mse")


@dataclass(frozen=True)
class Case:
    """A pair made anew for everyone who is asked (a wrong one may remember), and whether it is right."""

    name: str
    row: str  # of the table
    group: str
    right: bool
    make: Callable[[], Pair]


def seeded(*words: str) -> np.random.Generator:
    """A generator that depends on these words alone."""
    return np.random.default_rng([zlib.crc32(word.encode()) for word in words])


def pair_at(
    value: Callable[..., Any], vjp: Callable[..., Any], inputs: tuple[Array, ...], word: str, seed: int = 0
) -> Pair:
    """The pair at copies of these inputs, with a cotangent of both signs; below zero where it is one number."""
    y = np.asarray(value(*inputs))
    g = seeded("cotangent", word, str(seed)).standard_normal(y.shape) if y.ndim else np.asarray(-0.75)
    pair = Pair(value, vjp, tuple(a.copy() for a in inputs), np.asarray(g).astype(y.dtype), seed=seed)
    return replace(pair, moving=tuple(k for k, a in enumerate(pair.pullback(g, *inputs)) if a is not None))


# -- the project's own faults, on the operations of nn --------------------------------------------


def usual(op: Subject) -> tuple[Array, ...]:
    """One usual point of a subject's domain in float64."""
    rng, made = seeded("point", op.name), []
    for box in op.domain.arguments.values():
        shape = box.dims(SIZES)
        if box.kind == "index":
            made.append(rng.integers(0, SIZES[box.high] if isinstance(box.high, str) else box.high, shape))
        elif box.kind == "one-hot":
            made.append(np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])])
        elif box.kind == "simplex":
            made.append(rng.dirichlet(np.ones(shape[-1]), shape[:-1]))
        elif np.isfinite(box.low):
            made.append(rng.uniform(0.1, 0.9, shape))
        else:
            made.append(rng.standard_normal(shape))
    return tuple(made)


def faults(quick: bool = False) -> Iterator[Case]:
    """Every operation as it is, and with every fault that changes what it answers here."""
    ops = [op for op in nn.OPS if not quick or op.name in QUICK_OPS]
    for op in ops:
        yield Case(op.name, "none: right as it is", "right", True, partial(of_subject, op))
    for fault in FAULTS:
        for op in ops:
            if (not quick or fault.name in KINDS_OF_FAULT) and shows(fault, op):
                name = f"{op.name} ({fault.name})"
                yield Case(name, fault.name, "wrong", False, partial(spoiled, fault, op))


def of_subject(op: Subject) -> Pair:
    """A subject as a pair at its usual point."""
    assert op.vjp is not None
    return pair_at(op.value, op.vjp, usual(op), op.name)


def spoiled(fault: Fault, op: Subject) -> Pair:
    """The same with this fault."""
    pair = of_subject(op)
    return replace(pair, vjp=fault.plant(pair.vjp))


def shows(fault: Fault, op: Subject) -> bool:
    """Does it answer something else here, write into what it is handed, or answer something else when asked again?"""
    right, wrong = of_subject(op), spoiled(fault, op)
    elsewhere = tuple(a + 0.01 if a.dtype.kind == "f" else a for a in right.inputs)
    for inputs, g in ((right.inputs, right.cotangent), (elsewhere, -2 * right.cotangent)):
        handed = g.copy(), *(a.copy() for a in inputs)
        answer = wrong.pullback(*handed)
        if any(np.any(a != b) for a, b in zip(handed, (g, *inputs), strict=True)):
            return True
        for a, b in zip(right.pullback(g, *inputs), answer, strict=True):
            if a is not None and ((a.shape, a.dtype) != (b.shape, b.dtype) or not near(a, b)):
                return True
    return False


def near(a: Array, b: Array) -> bool:
    """Are no two entries further apart than what is visible?"""
    return bool(np.all(np.abs(a - b) <= VISIBLE * np.max(np.abs(a), initial=0.0)))


# -- twelve smooth functions, in every type -------------------------------------------------------


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def softmax_vjp(g: Array, x: Array) -> Array:
    p = softmax(x)
    return p * (g - np.sum(g * p, axis=-1, keepdims=True))


def silu_vjp(g: Array, x: Array) -> Array:
    s = sigmoid(x)
    return g * (s + x * s * (1 - s))


def quotient_vjp(g: Array, x: Array, y: Array) -> tuple[Array, Array]:
    below = 1 + y * y
    return g / below, -2 * g * x * y / (below * below)


def norm(x: Array) -> Array:
    return np.sqrt(np.sum(x * x))


def log_sum_exp(x: Array) -> Array:
    top = np.max(x, axis=-1)
    return top + np.log(np.sum(np.exp(x - top[..., None]), axis=-1))


SMOOTH: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "exp": (np.exp, lambda g, x: g * np.exp(x)),
    "sin": (np.sin, lambda g, x: g * np.cos(x)),
    "tanh": (np.tanh, lambda g, x: g * (1 - np.tanh(x) * np.tanh(x))),
    "arctan": (np.arctan, lambda g, x: g / (1 + x * x)),
    "log": (np.log, lambda g, x: g / x),
    "sigmoid": (sigmoid, lambda g, x: g * sigmoid(x) * (1 - sigmoid(x))),
    "softplus": (lambda x: np.log1p(np.exp(x)), lambda g, x: g * sigmoid(x)),
    "silu": (lambda x: x * sigmoid(x), silu_vjp),
    "softmax": (softmax, softmax_vjp),
    "log-sum-exp": (log_sum_exp, lambda g, x: g[..., None] * softmax(x)),
    "quotient": (lambda x, y: x / (1 + y * y), quotient_vjp),
    "norm": (norm, lambda g, x: g * x / norm(x)),
}


def smooth(name: str, dtype: Any = np.float64, seed: int = 0) -> Pair:
    """One of the twelve at one point, in this type."""
    value, vjp = SMOOTH[name]
    rng = seeded("smooth", name, str(seed))
    one = rng.uniform(0.5, 2.0, SHAPE) if name == "log" else rng.standard_normal(SHAPE)
    inputs = (one, rng.standard_normal(SHAPE)) if name == "quotient" else (one,)
    return pair_at(value, vjp, tuple(a.astype(dtype) for a in inputs), name, seed)


def scaled(pair: Pair, factor: float) -> Pair:
    """The same with every gradient multiplied by a factor of its own type."""

    def wrong(g: Array, *inputs: Array) -> tuple[Any, ...]:
        return tuple(a * np.asarray(factor, a.dtype) for a in pair.pullback(g, *inputs))

    return replace(pair, vjp=wrong)


def dtypes(quick: bool = False) -> Iterator[Case]:
    """The twelve in low types, at points of their own for each seed, right and a little too large.

    Without ml_dtypes there is no bfloat16.
    """
    for dtype, by in WRONG_BY.items():
        if dtype == "bfloat16" and importlib.util.find_spec("ml_dtypes") is None:
            continue
        for name in list(SMOOTH)[: 4 if quick else None]:
            for seed in SEEDS[: 1 if quick else None]:
                right = partial(in_type, name, dtype, seed)
                wrong = partial(in_type, name, dtype, seed, factor=1 + by)
                title = f"{name} in {dtype}, seed {seed}"
                yield Case(title, f"{dtype}, right", dtype, True, right)
                yield Case(f"{title}, too large", f"{dtype}, times 1 + {by:g}", dtype, False, wrong)


def in_type(name: str, dtype: str, seed: int, factor: float = 1.0) -> Pair:
    """One of the twelve, in a type given by name, perhaps too large."""
    pair = smooth(name, type_named(dtype), seed)
    return pair if factor == 1 else scaled(pair, factor)


def type_named(name: str) -> Any:
    """A NumPy type, or bfloat16."""
    if name != "bfloat16":
        return np.dtype(name)
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16)
