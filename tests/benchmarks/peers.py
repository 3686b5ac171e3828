"""Every checker here is asked whether one NumPy function's pullback is right at one point, and answers with a word.

Each gets the pair in its own framework, and is asked with its own defaults. What a checker does not let one choose
(the cotangent, the direction) it chooses itself.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

Array = np.ndarray
THRESHOLD = 1e-5  # scipy.optimize.check_grad leaves to its caller how large an error is too large
CLOSE = {"rtol": 1e-6, "atol": 1e-8}  # and so does numdifftools


@dataclass(frozen=True)
class Pair:
    """``value(*inputs)``, the ``vjp(g, *inputs)`` claimed for it, and a point.

    ``moving`` are the positions of the inputs that are differentiated; cotangent and seed are for those who take one.
    """

    value: Callable[..., Any]
    vjp: Callable[..., Any]
    inputs: tuple[Array, ...]
    cotangent: Array
    moving: tuple[int, ...] = (0,)
    seed: int = 0

    def pullback(self, g: Array, *inputs: Array) -> tuple[Any, ...]:
        """A gradient for each input, None where there is none."""
        answer = self.vjp(g, *inputs)
        return answer if isinstance(answer, tuple) else (answer,)


@dataclass(frozen=True)
class Answer:
    """``accepts``, ``rejects``, ``undecided`` or ``raises``, and what was said."""

    word: str
    why: str = ""


@dataclass(frozen=True)
class Checker:
    """A checker by name, the library it comes from, the settings that matter, and how it is asked."""

    name: str
    library: str
    settings: str
    judge: Callable[[Pair], Answer]

    def version(self) -> str:
        """Its library's version; nothing where that is not installed."""
        try:
            return importlib.metadata.version(self.library)
        except importlib.metadata.PackageNotFoundError:
            return ""

    def ask(self, pair: Pair) -> Answer:
        """Its answer; what it raises, other than the failure it reports, is ``raises``."""
        with quiet(pair.seed):
            try:
                return self.judge(pair)
            except AssertionError as failure:
                return Answer("rejects", str(failure))
            except MemoryError:
                raise
            except Exception as failure:
                return Answer("raises", f"{type(failure).__name__}: {failure}")


@contextlib.contextmanager
def quiet(seed: int) -> Iterator[None]:
    """Neither warnings nor NumPy's remarks on overflow are shown, and the global random state starts from a seed."""
    state = np.random.get_state()  # noqa: NPY002 - autograd draws from it
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        np.random.seed(seed)  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(state)  # noqa: NPY002


def _filled(pair: Pair, tensors: tuple[Any, ...]) -> list[Array]:
    """All inputs, with these in the places that are differentiated."""
    arrays = list(pair.inputs)
    for k, t in zip(pair.moving, tensors, strict=True):
        arrays[k] = np.asarray(t)
    return arrays


# -- ours -----------------------------------------------------------------------------------------


def by_gradverify(pair: Pair, **asked: Any) -> Answer:
    """``gradverify.check`` with its defaults."""
    import gradverify as gv

    report = gv.check(pair.value, vjp=pair.vjp, inputs=pair.inputs, seed=pair.seed, **asked)
    word = {"HOLDS": "accepts", "FAILS": "rejects"}.get(report.status, "undecided")
    return Answer(word, str(report))


# -- of whole Jacobians, or of one direction ------------------------------------------------------


def by_torch(pair: Pair, fast: bool) -> Answer:
    """``torch.autograd.gradcheck`` of an autograd.Function; its tensors share their memory with the arrays."""
    import torch
    from torch.autograd.gradcheck import GradcheckError

    torch.set_num_threads(1)
    torch.manual_seed(pair.seed)

    class Claimed(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Any) -> Any:
            ctx.save_for_backward(*tensors)
            return tensor(pair.value(*_filled(pair, tuple(map(array, tensors)))))

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            answer = pair.pullback(array(g), *_filled(pair, tuple(map(array, ctx.saved_tensors))))
            return tuple(tensor(answer[k]) for k in pair.moving)

    def tensor(a: Any) -> Any:
        a = np.asarray(a)
        if a.dtype.name == "bfloat16":  # torch reads no array of it
            return torch.from_numpy(a.view(np.int16)).view(torch.bfloat16)
        return torch.from_numpy(a)

    def array(t: Any) -> Array:
        t = t.detach()
        if t.dtype == torch.bfloat16:
            return t.contiguous().view(torch.int16).numpy().view(_bfloat16())
        return t.numpy()

    inputs = tuple(tensor(pair.inputs[k]).requires_grad_(True) for k in pair.moving)
    try:
        torch.autograd.gradcheck(Claimed.apply, inputs, fast_mode=fast)
    except GradcheckError as failure:
        return Answer("rejects", str(failure))
    return Answer("accepts")


def by_jax(pair: Pair) -> Answer:
    """``jax.test_util.check_grads(order=1, modes=["rev"])`` of a custom_vjp that calls back to NumPy."""
    import jax
    from jax.test_util import check_grads

    logging.getLogger("jax._src.callback").setLevel(logging.CRITICAL)  # it logs what a callback raises
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    out = jax.ShapeDtypeStruct(pair.cotangent.shape, pair.cotangent.dtype)

    def value(*tensors: Any) -> Array:
        return np.asarray(pair.value(*_filled(pair, tensors)))

    def pullback(g: Any, *tensors: Any) -> tuple[Array, ...]:
        answer = pair.pullback(np.asarray(g), *_filled(pair, tensors))
        return tuple(np.asarray(answer[k]) for k in pair.moving)

    @jax.custom_vjp
    def claimed(*tensors: Any) -> Any:
        return jax.pure_callback(value, out, *tensors)

    def backward(tensors: tuple[Any, ...], g: Any) -> Any:
        shapes = tuple(jax.ShapeDtypeStruct(t.shape, t.dtype) for t in tensors)
        return jax.pure_callback(pullback, shapes, g, *tensors)

    claimed.defvjp(lambda *tensors: (claimed(*tensors), tensors), backward)
    check_grads(claimed, tuple(jax.numpy.asarray(pair.inputs[k]) for k in pair.moving), order=1, modes=["rev"])
    return Answer("accepts")


def by_autograd(pair: Pair) -> Answer:
    """``autograd.test_util.check_grads(modes=["rev"], order=1)`` of a primitive with this vjp."""
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    @primitive
    def claimed(*tensors: Any) -> Any:
        return pair.value(*_filled(pair, tensors))

    def rule(k: int) -> Callable[..., Any]:
        return lambda _, *tensors: lambda g: pair.pullback(np.asarray(g), *_filled(pair, tensors))[k]

    defvjp(claimed, *map(rule, pair.moving))
    check_grads(claimed, tuple(range(len(pair.moving))), modes=["rev"], order=1)(*(pair.inputs[k] for k in pair.moving))
    return Answer("accepts")


# -- of a scalar function of a vector -------------------------------------------------------------


def flat(pair: Pair) -> tuple[Callable[[Array], float], Callable[[Array], Array], Array]:
    """<cotangent, value> of one vector of everything that is differentiated, its gradient, and where."""
    ends = np.cumsum([pair.inputs[k].size for k in pair.moving])[:-1]

    def inputs(x: Array) -> list[Array]:
        parts = np.split(x, ends)
        return _filled(
            pair,
            tuple(
                p.astype(pair.inputs[k].dtype, copy=False).reshape(pair.inputs[k].shape)
                for k, p in zip(pair.moving, parts, strict=True)
            ),
        )

    def value(x: Array) -> float:
        return float(np.sum(pair.cotangent * pair.value(*inputs(x))))

    def gradient(x: Array) -> Array:
        answer = pair.pullback(pair.cotangent, *inputs(x))
        return np.concatenate([np.ravel(answer[k]).astype(float, copy=False) for k in pair.moving])

    return value, gradient, np.concatenate([np.ravel(pair.inputs[k]).astype(float) for k in pair.moving])


def by_scipy(pair: Pair) -> Answer:
    """``scipy.optimize.check_grad``."""
    from scipy.optimize import check_grad

    value, gradient, x = flat(pair)
    error = float(check_grad(value, gradient, x))
    return Answer("accepts" if error <= THRESHOLD else "rejects", f"check_grad: {error!r}")


def by_numdifftools(pair: Pair) -> Answer:
    """``numdifftools.Gradient`` beside the claim, by ``numpy.testing.assert_allclose``."""
    import numdifftools

    value, gradient, x = flat(pair)
    np.testing.assert_allclose(gradient(x), np.ravel(numdifftools.Gradient(value)(x)), equal_nan=False, **CLOSE)
    return Answer("accepts")


def _bfloat16() -> Any:
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16)


CHECKERS = (
    Checker("gradverify", "gradverify", "the defaults of check", by_gradverify),
    Checker("torch slow", "torch", "eps 1e-6, atol 1e-5, rtol 1e-3", partial(by_torch, fast=False)),
    Checker("torch fast", "torch", "the same, fast_mode=True", partial(by_torch, fast=True)),
    Checker("jax", "jax", "eps 1e-4; tolerance 1e-5 in float64, times the number of entries", by_jax),
    Checker("autograd", "autograd", "eps 1e-6, absolute or relative 1e-6, one direction", by_autograd),
    Checker("scipy", "scipy", f"step 1.5e-8, norm of the error > {THRESHOLD:g}", by_scipy),
    Checker("numdifftools", "numdifftools", "Gradient(), rtol 1e-6, atol 1e-8", by_numdifftools),
)
