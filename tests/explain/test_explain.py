"""A failure names the entry exactly, and its witness holds every bit."""

from __future__ import annotations

import numpy as np
import pytest

import gradverify as gv
from gradverify.explain import literal


@pytest.mark.parametrize("a", [
    np.array([0.1, -0.0, np.nan, np.inf, -np.inf, 5e-324]), np.float32([[0.1, 1 / 3], [1e-45, 3e38]]),
    np.float16([0.1, 6e-8]), np.arange(6).reshape(2, 3), np.array([True, False]), np.array(0.3), np.float32(0.1),
    np.zeros((0, 3)), np.zeros((3, 0), "float32"), np.random.default_rng(0).standard_normal((3, 4)),
    gv.sparse((32, 10), {(3, 7): 710.0, (0, 0): -0.0}, dtype="float32"),
    np.random.default_rng(0).standard_normal(200).astype(np.float32), np.zeros((3, 4)), np.zeros(20, "float32"),
    np.full((3, 4), -0.0), np.full((3, 4), 1 / 3, "float32"), np.full(9, np.nan), np.full((2, 5), 7),
    np.asfortranarray(np.full((3, 4), 0.1)), np.ones((3, 4), bool), np.broadcast_to(np.float16(0.1), (3, 4)),
])  # fmt: skip
def test_a_literal_gives_the_same_array_bit_for_bit(a):
    a = np.asarray(a)
    again = np.asarray(eval(literal(a), {"np": np, "gv": gv}))
    assert (again.dtype, again.shape) == (a.dtype, a.shape)
    assert again.tobytes() == np.ascontiguousarray(a).tobytes() or np.array_equal(np.isnan(again), np.isnan(a))
    assert np.array_equal(np.signbit(again), np.signbit(a)) if a.dtype.kind == "f" else True


def test_a_nearly_empty_array_is_written_sparsely():
    assert (
        literal(gv.sparse((32, 10), {(3, 7): 710.0}, dtype="float32"))
        == 'gv.sparse((32, 10), {(3, 7): 710.0}, dtype="float32")'
    )


def test_an_array_of_one_number_is_written_in_short():
    assert literal(np.full((256, 256), 0.1)) == "np.full((256, 256), 0.1)"
    assert literal(np.zeros((3, 4), "float32")) == 'np.zeros((3, 4), "float32")'
    assert literal(np.zeros((3, 4))) == "np.zeros((3, 4))"


@pytest.mark.parametrize(("shape", "seed"), [((3, 4), 0), ((3, 4), 1), ((), 0), ((1, 1), 0), ((250, 200), 0)])
def test_a_single_wrong_entry_is_named_exactly(shape, seed):
    rng = np.random.default_rng(seed)
    x, place = np.array(rng.standard_normal(shape)), tuple(int(rng.integers(n)) for n in shape)
    x[place] = 0.75

    def vjp(g, x):
        d = np.array(g * np.cos(x))
        d[place] *= 1.01
        return d

    (finding,) = gv.check(np.sin, vjp=vjp, inputs=x, laws="pullback_is_the_derivative", seed=seed).findings
    assert (finding.argument, finding.index) == ("x", place)
    assert finding.claimed == pytest.approx(1.01 * finding.expected, rel=1e-9)


def test_a_large_witness_says_how_to_run_the_check_again():
    report = gv.check(np.sin, vjp=lambda g, x: g, inputs=np.linspace(0.1, 1, 5000), seed=3)
    assert report.findings[0].witness == (
        '# too large to write out: run the same check again with seed=3 and laws="pullback_is_the_derivative"'
    )


def test_loading_what_is_not_there_is_misuse(tmp_path):
    with pytest.raises(gv.Misuse, match="there is no such file"):
        gv.load(str(tmp_path / "none.py"))
