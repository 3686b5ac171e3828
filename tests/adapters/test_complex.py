"""Complex arrays are judged by their real and imaginary parts: right gradients hold, the part at fault is named."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from complex_pairs import BOX, RIGHT, Z, failing, only, square, square_vjp

import gradverify as gv
from gradverify._subject import Broken
from gradverify.adapters.complex import halved


@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
@pytest.mark.parametrize("name", RIGHT)
def test_right_gradients_hold_at_a_point_and_are_decided(name, dtype):
    f, vjp = RIGHT[name]
    report = gv.check(f, vjp=vjp, inputs=Z.astype(dtype), name=name)
    assert report.status == "HOLDS", str(report)
    (verdict,) = (v for v in report.verdicts if v.derivative)
    assert verdict.decisive == verdict.trials
    assert "gradients are dL/da + i dL/db for z = a + ib (PyTorch's convention)" in str(report)


@pytest.mark.parametrize("name", ["square", "softmax", "born", "energy", "fft", "conj"])
@pytest.mark.parametrize("seed", range(2))
def test_right_gradients_hold_over_a_box_and_are_mostly_decided(name, seed):
    f, vjp = RIGHT[name]
    report = gv.check(f, vjp=vjp, inputs=BOX, name=name, seed=seed)
    assert report.status == "HOLDS", str(report)
    (verdict,) = (v for v in report.verdicts if v.derivative)
    assert verdict.decisive > 0.7 * verdict.trials


# -- what has only one of the parts


def test_real_arguments_stand_beside_complex_ones_and_have_real_gradients():
    def f(w, z, i):
        return (w * z)[i]

    def vjp(g, w, z, i):
        full = np.zeros_like(z)
        np.add.at(full, i, g)
        return (full * np.conj(z)).real, full * w, None

    inputs = (gv.Box("n", dtype="float64"), gv.Box("n", dtype="complex128"), gv.Box("m", kind="index", high="n"))
    assert gv.check(f, vjp=vjp, inputs=inputs).ok
    wrong = gv.check(f, vjp=lambda g, *x: (2 * vjp(g, *x)[0], *vjp(g, *x)[1:]), inputs=inputs)
    assert only(wrong).argument == "w"


def test_real_arguments_with_a_complex_value_are_judged_too():
    def vjp(g, x):
        return len(x) * np.fft.ifft(np.r_[g, np.zeros(len(x) - len(g))]).real.astype(x.dtype)

    assert gv.check(np.fft.rfft, vjp=vjp, inputs=gv.Box("n"), name="rfft").ok
    report = gv.check(np.fft.rfft, vjp=lambda g, x: 1.01 * vjp(g, x), inputs=np.arange(6.0), name="rfft")
    assert only(report).argument == "a"
    assert "complex numbers are judged by their real and imaginary parts" in str(report)


def test_several_outputs_one_of_them_complex_take_a_tuple():
    def vjp(g, z):
        return 2 * g[0] * z + 2 * g[1]

    assert gv.check(lambda z: (np.abs(z) ** 2, 2 * z), vjp=vjp, inputs=BOX).ok
    report = gv.check(lambda z: (np.abs(z) ** 2, 2 * z), vjp=lambda g, z: 2 * g[0] * z + 3 * g[1], inputs=Z)
    assert failing(report) == ["pullback_is_the_derivative"]


def test_none_is_no_claim_about_either_part():
    report = gv.check(lambda w, z: w * z, vjp=lambda g, w, z: ((g * np.conj(z)).real, None), inputs=(np.ones(3), Z[0]))
    assert report.ok


# -- what is refused by name


@pytest.mark.parametrize(("vjp", "says"), [
    (lambda g, z: 2 * g.real * z.real, "square's vjp returned float64 for z, which is complex128; the gradient of a"),
    (lambda g, z: 2 * g.real * z.real, "complex input is complex, dL/da + i dL/db for z = a + ib, where square itself"),
    (lambda g, z: square_vjp(g, z)[0], "'s vjp returned shape (3,) for z, which has shape (2, 3)"),
    (lambda g, z: (g, g), "'s vjp returned 2 gradient(s) for 1 input(s); give one for each"),
])  # fmt: skip
def test_what_is_no_gradient_of_a_complex_input_is_told(vjp, says):
    report = gv.check(square, vjp=vjp, inputs=Z)
    assert failing(report) == ["pullback_is_the_derivative"]
    assert says in str(report)


def test_a_complex_gradient_of_a_real_input_is_told():
    report = gv.check(lambda w, z: w * z, vjp=lambda g, w, z: (g * z, g * w), inputs=(np.ones(3), Z[0]), name="scale")
    assert "scale's vjp returned complex128 for w, which is float64; its gradient is the real part" in str(report)


def test_a_gradient_in_another_precision_breaks_the_contract():
    report = gv.check(square, vjp=lambda g, z: square_vjp(g, z).astype(np.complex64), inputs=Z)
    assert failing(report) == ["shape_and_dtype_are_kept"]
    assert (only(report).argument, only(report).claimed) == ("z.real", "float32 (2, 3)")


def test_a_value_that_is_complex_at_some_points_only_is_told():
    root = gv.Subject("root", lambda z: np.sqrt(z) if z.imag.any() else np.sqrt(z.real), gv.Domain({"z": BOX}))
    parts = halved(root, "torch")
    assert len(parts.forward(gv.Vectors((Z.real, Z.imag)))) == 2
    with pytest.raises(Broken, match="root returned float64, and root is complex elsewhere; keep to one type"):
        parts.forward(gv.Vectors((np.abs(Z), np.zeros(Z.shape))))


@pytest.mark.parametrize(("request_", "message"), [
    ({"inputs": Z, "convention": "tf"}, r"convention='tf' is not known; write \"torch\", for gradients dL/da \+ i"),
    ({"inputs": gv.Box("n"), "dtype": "complex64"}, r'dtype="complex64" is for a Box: write inputs=gv.Box\("n", dtype'),
    ({"inputs": np.array([1, np.nan * 1j])}, r"z\[1\] is .*nan.*; there is no derivative at such a point"),
    ({"inputs": gv.At(Z, low=-9 - 0.1j, high=9 + 9j)}, r"z lies outside its own range"),
])  # fmt: skip
def test_requests_that_cannot_be_carried_out_are_misuse(request_, message):
    with pytest.raises(gv.Misuse, match=message):
        gv.check(square, vjp=square_vjp, **request_)


@pytest.mark.parametrize("place", [
    lambda: gv.Box("n", dtype="complex64", kind="one-hot"), lambda: gv.At(Z, kind="simplex"),
])  # fmt: skip
def test_kinds_speak_of_real_numbers(place):
    with pytest.raises(gv.Misuse, match=r"kind '.*' speaks of real numbers, not of complex.*; leave kind= out"):
        place()


def test_symbols_are_real():
    report = gv.check(square, vjp=square_vjp, inputs=BOX, by=gv.Proof())
    assert "complex numbers are not traced" in str(report)
    assert report.status == "UNDECIDED"


def test_examine_alone_says_who_judges_complex_numbers():
    f = gv.Subject("square", square, gv.Domain({"z": BOX}), vjp=square_vjp)
    verdict = gv.examine(gv.laws.pullback_is_the_derivative, f, by=gv.Sampling())
    assert "square returns complex128; gv.check, and gv.suite with convention=, judge its parts" in verdict.reason
    assert gv.check(f).ok
    assert gv.check(f, inputs=Z).ok


# -- memory, bounds, kinks


@pytest.mark.parametrize("z", [
    Z.T, Z[::-1, ::2], Z[..., None], np.broadcast_to(Z[0], (2, 3)), Z[0, 0], 1 + 2j, [1 + 2j, 3],
])  # fmt: skip
def test_any_layout_and_a_single_number_are_judged(z):
    assert gv.check(lambda z: np.asarray(z) ** 2, vjp=lambda g, z: 2 * g * np.conj(z), inputs=z).ok


def test_a_rule_is_handed_the_layout_that_was_given():
    seen = []

    def watching(g, z):
        seen.append((z.flags.c_contiguous, z.flags.f_contiguous, z.flags.writeable))
        return 2 * g * np.conj(z)

    z = np.asfortranarray(Z)
    z.flags.writeable = False
    assert gv.check(square, vjp=watching, inputs=z, laws="pullback_is_the_derivative").ok
    assert set(seen) == {(False, True, False)}


@pytest.mark.parametrize("convention", ["torch", "jax"])
def test_what_a_rule_writes_into_complex_arrays_is_seen(convention):
    def into(k):
        def vjp(*given):
            out = (2 * given[0] * (np.conj(given[1]) if convention == "torch" else given[1])).copy()
            given[k][...] = 0
            return out

        return vjp

    for k, argument in enumerate(("cotangent", "z.real")):
        report = gv.check(square, vjp=into(k), inputs=Z, convention=convention)
        assert failing(report) == ["inputs_are_left_unchanged"]
        assert only(report).argument == argument

    def in_place(z):
        z *= z
        return z

    kept = Z.copy()
    assert failing(gv.check(in_place, vjp=square_vjp, inputs=kept)) == ["inputs_are_left_unchanged"]
    assert np.array_equal(kept, Z)


def test_bounds_and_kinks_hold_for_the_parts():
    seen = []

    def watched(z):
        seen.append(z.copy())
        return z**2

    report = gv.check(watched, vjp=square_vjp, inputs=gv.Box("n", dtype="complex64", low=-1 - 2j, high=4 + 3j))
    assert report.ok
    points = [z for z in seen if z.dtype == np.complex64]
    real, imag = (np.concatenate([getattr(z, part) for z in points]) for part in ("real", "imag"))
    assert (real.min() >= -1) & (real.max() <= 4) & (imag.min() >= -2) & (imag.max() <= 3)
    assert (imag.min() < -1) & (real.max() > 3)
    box = gv.Box("n", dtype="complex64", low=-1, high=4 + 3j, kinks=(2 + 1.5j,))
    places = halved(gv.Subject("square", square, gv.Domain({"z": box})), "torch").domain.arguments
    assert {name: (p.low, p.high, p.kinks, p.dtype) for name, p in places.items()} == {
        "z.real": (-1, 4, (2.0,), "float32"), "z.imag": (-1, 3, (1.5,), "float32")
    }  # fmt: skip


def test_the_absolute_value_at_zero_is_a_kink_with_valid_and_invalid_claims():
    f, vjp = RIGHT["abs"]
    z = np.array([0, 1 + 1j])
    assert gv.check(f, vjp=vjp, inputs=z).ok
    report = gv.check(f, vjp=lambda g, z: np.where(z == 0, 2 * g, vjp(g, z)), inputs=z)
    assert only(report).place == "x.real[0]"


def test_on_the_branch_cut_of_the_logarithm_the_gradient_holds():
    assert gv.check(np.log, vjp=RIGHT["log"][1], inputs=np.array([-1 + 0j, complex(-2, -0.0), 1j])).ok


def test_a_layer_with_complex_weights_is_judged_with_them():
    class Mix:
        def __init__(self):
            self.W = Z.copy()

        def forward(self, x):
            self.x = x
            return x @ self.W

        def backward(self, dout):
            self.dW = self.x.conj().T @ dout
            return dout @ self.W.conj().T

    assert gv.check(Mix(), inputs=gv.Box("n 2", dtype="complex128")).ok

    class Wrong(Mix):
        def backward(self, dout):
            out = super().backward(dout)
            self.dW = self.x.T @ dout
            return out

    report = gv.check(Wrong(), inputs=gv.Box("n 2", dtype="complex128"))
    assert only(report).argument in ("W.real", "W.imag")


def test_a_suite_judges_complex_numbers():
    suite = gv.suite(square, vjp=square_vjp, inputs=gv.Box("n", dtype="complex128"))
    assert {c.subject.names for c in suite.gradverify.cases} == {("z.real", "z.imag")}
    real = gv.suite(np.fft.rfft, vjp=lambda g, x: g, inputs=gv.Box("n"), convention="torch")
    assert all(c.subject.form is not None for c in real.gradverify.cases)


def test_the_other_subject_s_fields_are_kept():
    f = dataclasses.replace(
        gv.Subject("square", square, gv.Domain({"z": BOX}), vjp=square_vjp), spec="activation", literals=(2.0,)
    )
    assert {v.law for v in gv.check(f).verdicts} >= {"finite_in_finite_out"}
