"""Every op of gradverify.nn keeps its promises; what is said of one is tried on all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradverify as gv
from gradverify import nn
from gradverify._domain import Box
from gradverify._subject import Subject

WIDE = np.longdouble
SIZES = {"n": 4, "k": 3, "d": 5, "i": 3, "o": 2}
every_op = pytest.mark.parametrize("op", nn.OPS, ids=lambda op: op.name)


def drawn(op: Subject, rng: np.random.Generator, dtype: Any = WIDE, scale: float = 1.0) -> list[Any]:
    """One point of the op's domain; real entries keep clear of kinks."""
    out = []
    for box in op.domain.arguments.values():
        assert isinstance(box, Box)
        shape = box.dims(SIZES)
        if box.kind == "index":
            out.append(rng.integers(0, SIZES[str(box.high)], shape))
        elif box.kind == "one-hot":
            out.append(np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])].astype(dtype))
        elif box.kind == "simplex":
            out.append(_normalised(rng.random(shape).astype(dtype)))
        elif np.isfinite(box.low):
            out.append(rng.uniform(max(box.low, 0.1), box.high, shape).astype(dtype))
        else:
            away = rng.uniform(0.2, 2.0, shape) * rng.choice((-1, 1), shape)
            out.append((scale * away).astype(dtype))
    return out


def _normalised(a: Any) -> Any:
    return a / a.sum(axis=-1, keepdims=True)


def gradients(vjp: Any, g: Any, x: list[Any], options: dict[str, Any] | None = None) -> tuple[Any, ...]:
    answer = vjp(g, *x, **(options or {}))
    return answer if isinstance(answer, tuple) else (answer,)


def gap(op: Subject, vjp: Any, rng: np.random.Generator, options: dict[str, Any]) -> float:
    """The largest relative gap between <vjp(g), u> and a central difference of <g, f> in extended precision.

    The step eps^(1/3) leaves an error of order eps^(2/3), whatever longdouble is on this machine.
    """
    step = np.finfo(WIDE).eps ** WIDE(1 / 3)
    worst = 0.0
    for _ in range(3):
        x = drawn(op, rng)
        g = rng.standard_normal(np.shape(op(*x, **options))).astype(WIDE)
        for k, answer in enumerate(gradients(vjp, g, x, options)):
            if answer is None:
                continue
            u = rng.uniform(0.5, 1.5, x[k].shape) * rng.choice((-1, 1), x[k].shape)
            ahead, behind = (op(*x[:k], x[k] + s * u, *x[k + 1 :], **options) for s in (step, -step))
            slope = np.sum(g * (ahead - behind)) / (2 * step)
            size = np.sum(np.abs(answer * u)) + np.finfo(WIDE).tiny
            worst = max(worst, float(abs(np.sum(answer * u) - slope) / size))
    return worst


SEEN = 1e4 * float(np.finfo(WIDE).eps) ** (2 / 3)  # the difference quotient's own error, with room for its constant


@every_op
def test_the_vjp_is_the_derivative(op: Subject, rng: np.random.Generator) -> None:
    for options in ({}, *({name: v} for name, values in op.options.items() for v in values)):
        assert gap(op, op.vjp, rng, options) < SEEN


@every_op
@pytest.mark.parametrize("fault", [lambda a: 1.0001 * a, lambda a: -a, lambda a: a + 1e-3 * np.eye(*a.shape[-2:])[0]])
def test_a_faulty_vjp_is_seen(op: Subject, fault: Any, rng: np.random.Generator) -> None:
    def wrong(g: Any, *x: Any) -> tuple[Any, ...]:
        return tuple(None if a is None else fault(np.atleast_2d(a)).reshape(a.shape) for a in gradients(op.vjp, g, x))

    assert gap(op, wrong, rng, {}) > 10 * SEEN


@every_op
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_types_and_shapes_are_kept(op: Subject, dtype: str, rng: np.random.Generator) -> None:
    x = drawn(op, rng, dtype)
    y = op(*x)
    assert y.dtype == dtype
    for a, answer in zip(x, gradients(op.vjp, np.ones_like(y), x), strict=True):
        assert answer is None or (answer.dtype == dtype and answer.shape == a.shape)


@every_op
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_type_rounds_and_computes_the_same_formula(op: Subject, dtype: str, rng: np.random.Generator) -> None:
    """An answer in float32 is the extended answer at the same rounded input, to a few roundings of its size."""
    x = drawn(op, rng, dtype)
    wide = [a.astype(WIDE) if a.dtype.kind == "f" else a for a in x]
    g = rng.standard_normal(np.shape(op(*x))).astype(dtype)
    pairs = [(op(*x), op(*wide))]
    pairs += zip(gradients(op.vjp, g, x), gradients(op.vjp, g.astype(WIDE), wide), strict=True)
    for ours, truth in pairs:
        if ours is not None:
            assert np.max(np.abs(ours - truth)) <= 64 * np.finfo(dtype).eps * (np.max(np.abs(truth)) + 1)
            assert np.max(np.abs(truth)) > 0


@every_op
@pytest.mark.parametrize(("dtype", "scale"), [("float32", 1e3), ("float64", 1e4)])
def test_extremes_are_finite_and_silent(op: Subject, dtype: str, scale: float, rng: np.random.Generator) -> None:
    """Underflow to 0 is the right answer of a tail; every other floating-point alarm raises here."""
    for _ in range(5):
        x = drawn(op, rng, dtype, scale)
        with np.errstate(all="raise", under="ignore"):
            y = op(*x)
            answers = gradients(op.vjp, np.ones_like(y), x)
        assert np.isfinite(y).all()
        assert all(a is None or np.isfinite(a).all() for a in answers)


def test_a_naive_softmax_is_not_silent() -> None:
    """The alarm above can sound."""
    with np.errstate(all="raise", under="ignore"), pytest.raises(FloatingPointError, match="overflow"):
        np.exp(np.float64(1e4))


@every_op
def test_inputs_may_be_read_only_and_of_any_layout_and_are_left_alone(op: Subject, rng: np.random.Generator) -> None:
    x = drawn(op, rng, "float64")
    g = rng.standard_normal(np.shape(op(*x)))
    plain = (op(*x), *gradients(op.vjp, g, x))
    for layout in (np.asfortranarray, _reversed, _strided):
        other = [layout(a) for a in x]
        for a in other:
            a.flags.writeable = False
        cotangent = layout(g) if g.ndim else g
        cotangent.flags.writeable = False
        again = (op(*other), *gradients(op.vjp, cotangent, other))
        for a, b in zip(plain, again, strict=True):
            if a is not None:
                np.testing.assert_allclose(b, a, rtol=1e-13, atol=1e-14)
        for a, b in zip(x, other, strict=True):
            np.testing.assert_array_equal(a, b)


def _reversed(a: Any) -> Any:
    return np.ascontiguousarray(a[..., ::-1])[..., ::-1]


def _strided(a: Any) -> Any:
    return np.repeat(a, 2, axis=-1)[..., ::2]


@every_op
def test_its_call_names_it(op: Subject) -> None:
    assert eval(op.call, {"gv": gv}) is op


def test_the_catalogue_is_complete_and_names_are_not_taken_twice() -> None:
    exported = {name for name in nn.__all__ if isinstance(getattr(nn, name), Subject)}
    assert exported == {op.name for op in nn.OPS}
    assert len(exported) == len(nn.OPS) == 16


def test_corners_are_declared() -> None:
    with_corners = {op.name for op in nn.OPS for box in op.domain.arguments.values() if box.kinks}
    assert with_corners == {"relu", "leaky_relu"}
