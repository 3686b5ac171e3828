"""bfloat16 is a floating type like the others: right code holds in it, wrong code fails, and a witness pastes back."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import gradverify as gv
from gradverify._floating import floating_type, is_floating, limits, unit

bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
LOW = ("float32", "float16", "bfloat16")
SEEN = {"float32": 1e-5, "float16": 0.01, "bfloat16": 0.05}  # of a whole gradient, in the formula itself


def inside(f):
    """f as a kernel has it: float32 inside for the 16-bit types, and one final rounding."""

    def kernel(*arrays):
        dtype = arrays[-1].dtype
        wide = np.float32 if dtype.itemsize < 4 else dtype
        return np.asarray(f(*(np.asarray(a).astype(wide) for a in arrays))).astype(dtype)

    return kernel


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


KERNELS = {
    "sin": (np.sin, lambda g, x: g * np.cos(x)),
    "tanh": (np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2)),
    "cube": (lambda x: x * x * x, lambda g, x: 3 * g * x * x),
    "softmax": (softmax, lambda g, x: softmax(x) * (g - (g * softmax(x)).sum(-1, keepdims=True))),
    "rational": (lambda x: 1 / (1 + x * x), lambda g, x: -2 * g * x / (1 + x * x) ** 2),
}


def drawn(dtype, seed):
    return np.random.default_rng(seed).standard_normal((3, 4)).astype(floating_type(dtype))


@pytest.mark.parametrize("dtype", LOW)
@pytest.mark.parametrize("name", KERNELS)
def test_right_kernels_hold_and_scaled_ones_fail(name, dtype):
    f, vjp = map(inside, KERNELS[name])
    scaled = inside(lambda g, x: KERNELS[name][1](g, x) * np.asarray(1 + SEEN[dtype], x.dtype))
    for seed in range(4):
        x = drawn(dtype, seed)
        assert gv.check(f, vjp=vjp, inputs=x, seed=seed).status == "HOLDS"
        assert gv.check(f, vjp=scaled, inputs=x, seed=seed).status == "FAILS"


@pytest.mark.parametrize(("dtype", "share"), [("float32", 1e-4), ("float16", 0.2)])
def test_a_fault_of_the_low_type_alone_is_seen_though_its_twin_is_right(dtype, share):
    f, vjp = map(inside, KERNELS["tanh"])

    def off(g, x):
        out = vjp(g, x)
        return (out.astype(float) * (1 + share)).astype(x.dtype) if x.dtype.name == dtype else out

    found = [gv.check(f, vjp=off, inputs=drawn(dtype, seed), seed=seed).status for seed in range(10)]
    assert found.count("FAILS") >= {"float32": 10, "float16": 6}[dtype]  # 84 % of 144 in a longer run


def test_boxes_generate_bfloat16_and_a_witness_in_it_pastes_back():
    f, vjp = map(inside, KERNELS["sin"])
    assert gv.check(f, vjp=vjp, inputs=gv.Box("n k"), dtype="bfloat16").status == "HOLDS"
    report = gv.check(f, vjp=lambda g, x: (-vjp(g, x)).astype(x.dtype), inputs=gv.Box("n k"), dtype="bfloat16")
    (found, *_) = report.findings
    assert "import ml_dtypes; " in found.witness
    assert '"bfloat16"' in found.witness
    names = {"kernel": f, "vjp": lambda g, x: (-vjp(g, x)).astype(x.dtype)}
    with pytest.raises(gv.LawBroken, match="FAILS"):
        exec(found.witness, names)


def test_the_limits_are_those_that_ml_dtypes_gives():
    import ml_dtypes

    known, ours = ml_dtypes.finfo(bfloat16), limits(bfloat16)
    assert (ours.eps, ours.max) == (float(known.eps), float(known.max))
    assert (ours.tiny, ours.subnormal) == (float(known.tiny), float(known.smallest_subnormal))
    assert is_floating(bfloat16)
    assert unit("float32") == np.finfo(np.float32).eps
    assert unit("int32") == 0


@pytest.mark.parametrize(("name", "says"), [
    ("int32", "is not a floating type; a derivative needs one: write float64, float32, float16 or bfloat16"),
    ("float7", "is not a NumPy dtype; write float64"),
])  # fmt: skip
def test_other_types_are_misuse(name, says):
    with pytest.raises(gv.Misuse, match=says):
        floating_type(name)


def test_without_the_package_that_defines_it_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(gv.Misuse, match="needs the package ml_dtypes; run: pip install ml_dtypes"):
        floating_type("bfloat16")
