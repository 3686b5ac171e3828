"""Complex arrays: right gradients hold, wrong ones fail at the part at fault, and a mixed-up convention is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradverify as gv
from gradverify._subject import Broken
from gradverify.adapters.complex import halved
from gradverify.explain import literal

RNG = np.random.default_rng(0)
Z = RNG.standard_normal((2, 3)) + 1j * RNG.standard_normal((2, 3))
BOX = gv.Box("n k", dtype="complex128")
OTHER = "right under the other convention, dL/da - i dL/db (JAX's); gv.check judges dL/da + i dL/db (PyTorch's)"


def energy(z):
    return (np.abs(z) ** 2).sum()


def square(z):
    return z**2


def square_vjp(g, z):
    return 2 * g * np.conj(z)


def born(z):
    """|z|^2 over its sum: the probabilities of amplitudes."""
    e = np.abs(z) ** 2
    return e / e.sum(-1, keepdims=True)


def born_vjp(g, z):
    e = np.abs(z) ** 2
    total = e.sum(-1, keepdims=True)
    return 2 * z * (g / total - (g * e).sum(-1, keepdims=True) / total**2)


def softmax(z):
    e = np.exp(z - z.real.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def softmax_vjp(g, z):
    p = np.conj(softmax(z))
    return p * (g - (g * p).sum(-1, keepdims=True))


def as_complex(g):
    return g.astype(np.result_type(g, np.complex64))


# For real L and z = a + ib the gradient is dL/da + i dL/db; derivations: Kreutz-Delgado, arXiv:0906.4835, section 4.
RIGHT: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "identity": (lambda z: z, lambda g, z: g),
    "square": (square, square_vjp),
    "exp": (np.exp, lambda g, z: g * np.conj(np.exp(z))),
    "log": (np.log, lambda g, z: g / np.conj(z)),
    "inverse": (lambda z: 1 / z, lambda g, z: -g / np.conj(z) ** 2),
    "conj": (np.conj, lambda g, z: np.conj(g)),
    "real": (np.real, lambda g, z: as_complex(g)),
    "imag": (np.imag, lambda g, z: 1j * as_complex(g)),
    "abs": (np.abs, lambda g, z: g * z / np.where(z == 0, 1, np.abs(z)).astype(g.dtype)),
    "angle": (np.angle, lambda g, z: 1j * g * z / np.abs(z) ** 2),
    "energy": (energy, lambda g, z: 2 * g * z),
    "sum": (np.sum, lambda g, z: np.broadcast_to(g, z.shape)),
    "fft": (np.fft.fft, lambda g, z: z.shape[-1] * np.fft.ifft(g)),
    "born": (born, born_vjp),
    "softmax": (softmax, softmax_vjp),
}
HOLOMORPHIC = ("square", "exp", "log", "inverse", "fft", "softmax")


def failing(report: gv.Report) -> list[str]:
    return [v.law for v in report.verdicts if v.status == "FAILS"]


def only(report: gv.Report) -> Any:
    (finding,) = report.findings
    return finding


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


@pytest.mark.parametrize("name", RIGHT)
def test_what_holds_in_one_convention_holds_in_the_other_conjugated(name):
    f, vjp = RIGHT[name]
    report = gv.check(f, vjp=lambda g, z: np.conj(vjp(np.conj(g), z)), inputs=Z, convention="jax")
    assert report.status == "HOLDS", str(report)
    assert "gradients are dL/da - i dL/db for z = a + ib (JAX's convention)" in str(report)


@pytest.mark.parametrize("name", [n for n in RIGHT if n not in ("identity", "real", "sum", "conj")])
def test_a_gradient_right_under_the_other_convention_fails_and_is_told_so(name):
    f, vjp = RIGHT[name]
    report = gv.check(f, vjp=lambda g, z: np.conj(vjp(np.conj(g), z)), inputs=Z)
    assert failing(report) == ["pullback_is_the_derivative"]
    cause = only(report).cause
    assert cause == f'{OTHER}: take conjugates, or write convention="jax"'
    assert cause in str(report)


def test_under_jax_s_convention_the_other_one_is_pytorch_s():
    report = gv.check(energy, vjp=lambda g, z: 2 * g * z, inputs=Z, convention="jax")
    yours = "dL/da + i dL/db (PyTorch's); gv.check judges dL/da - i dL/db (JAX's)"
    assert f'{yours}: take conjugates, or write convention="torch"' in only(report).cause


@pytest.mark.parametrize("name", HOLOMORPHIC)
@pytest.mark.parametrize(("wrong", "cause"), [
    (np.conj, "the conjugate of what is answered is right"),
    (lambda g: g.real + 0j, ""),
    (lambda g: 2 * g, ""),
    (lambda g: g * (1 + 1e-6), ""),
    (lambda g: g * np.exp(1e-6j), ""),
])  # fmt: skip
def test_a_wrong_gradient_fails_at_a_part_of_its_argument(name, wrong, cause):
    f, vjp = RIGHT[name]
    report = gv.check(f, vjp=lambda g, z: wrong(vjp(g, z)), inputs=Z, name=name)
    assert failing(report) == ["pullback_is_the_derivative"]
    finding = only(report)
    argument, part = finding.argument.split(".")
    assert part in ("real", "imag")
    assert finding.cause == cause
    right = vjp(finding.cotangent[0] + 1j * finding.cotangent[1], Z)
    assert finding.expected == pytest.approx(getattr(right, part)[finding.index], rel=1e-7)
    assert finding.claimed == pytest.approx(getattr(wrong(right), part)[finding.index], rel=1e-12)
    assert f"at {argument}.{part}[{finding.index[0]}, {finding.index[1]}]: claimed" in str(report)


@pytest.mark.parametrize(("claim", "says"), [
    (lambda g, z: g * z, "half of dL/da + i dL/db (PyTorch's), as a Wirtinger derivative is: twice that is right"),
    (lambda g, z: g * np.conj(z), "half of dL/da - i dL/db (JAX's), as a Wirtinger derivative is"),
])  # fmt: skip
def test_a_wirtinger_derivative_is_told_from_a_gradient(claim, says):
    assert says in only(gv.check(energy, vjp=claim, inputs=Z)).cause


def test_matrix_products_hold_and_one_without_conjugates_is_told():
    a, b = Z, Z.T + 1
    right = gv.check(np.matmul, vjp=lambda g, a, b: (g @ b.conj().T, a.conj().T @ g), inputs=(a, b))
    assert right.ok
    wrong = gv.check(lambda a, b: a @ b, vjp=lambda g, a, b: (g @ b.T, a.T @ g), inputs=(a, b))
    assert OTHER in only(wrong).cause
    one = gv.check(lambda a, b: a @ b, vjp=lambda g, a, b: (g @ b.conj().T, a.T @ g), inputs=(a, b))
    assert only(one).argument in ("b.real", "b.imag")


# -- the conventions are those of the frameworks that they are named after


def in_torch(name):
    torch = pytest.importorskip("torch")
    inside = {
        "softmax": lambda z: torch.exp(z) / torch.exp(z).sum(-1, keepdim=True),
        "born": lambda z: z.abs() ** 2 / (z.abs() ** 2).sum(-1, keepdim=True),
        "square": lambda z: z**2, "conj": torch.conj, "fft": torch.fft.fft, "abs": torch.abs,
    }  # fmt: skip

    def vjp(g, z):
        leaf = torch.tensor(z, requires_grad=True)
        return torch.autograd.grad(inside[name](leaf), leaf, torch.tensor(g))[0].resolve_conj().numpy()

    return vjp


def in_jax(name):
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    inside = {
        "softmax": lambda z: jnp.exp(z) / jnp.exp(z).sum(-1, keepdims=True),
        "born": lambda z: jnp.abs(z) ** 2 / (jnp.abs(z) ** 2).sum(-1, keepdims=True),
        "square": lambda z: z**2, "conj": jnp.conj, "fft": jnp.fft.fft, "abs": jnp.abs,
    }  # fmt: skip

    def vjp(g, z):
        with jax.enable_x64(True):
            return np.asarray(jax.vjp(inside[name], jnp.asarray(z))[1](jnp.asarray(g))[0])

    return vjp


@pytest.mark.parametrize("name", ["square", "softmax", "born", "fft", "abs", "conj"])
@pytest.mark.parametrize(("framework", "convention"), [(in_torch, "torch"), (in_jax, "jax")])
def test_a_framework_s_own_gradients_hold_under_the_convention_of_its_name(name, framework, convention):
    f = RIGHT[name][0]
    request = {"vjp": framework(name), "inputs": Z, "laws": "pullback_is_the_derivative"}
    assert gv.check(f, **request, convention=convention).status == "HOLDS"
    if name != "conj":  # which is its own conjugate, in both of its arguments
        other = gv.check(f, **request, convention={"torch": "jax", "jax": "torch"}[convention])
        assert f'write convention="{convention}"' in only(other).cause


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
    turned = gv.check(np.fft.rfft, vjp=lambda g, x: vjp(np.conj(g), x), inputs=np.arange(6.0), name="rfft")
    assert OTHER in only(turned).cause
    assert "complex numbers are judged by their real and imaginary parts" in str(report)


def test_several_outputs_one_of_them_complex_take_a_tuple():
    def vjp(g, z):
        return 2 * g[0] * z + 2 * g[1]

    assert gv.check(lambda z: (np.abs(z) ** 2, 2 * z), vjp=vjp, inputs=BOX).ok
    report = gv.check(lambda z: (np.abs(z) ** 2, 2 * z), vjp=lambda g, z: 2 * g[0] * z + 3 * g[1], inputs=Z)
    assert failing(report) == ["pullback_is_the_derivative"]


def test_a_complex_value_without_an_imaginary_part_has_a_complex_cotangent_and_that_is_told():
    def norm(z):
        return np.vdot(z, z)  # complex128, and real

    assert gv.check(norm, vjp=lambda g, z: 2 * g.real * z, inputs=Z).ok
    report = gv.check(norm, vjp=lambda g, z: 2 * g * z, inputs=Z)
    assert only(report).cause == (
        "the value has a complex type and no imaginary part, and the rule is right for real cotangents: "
        "return the real part"
    )
    assert "return the real part" in only(gv.check(norm, grad=lambda z: 2 * z, inputs=Z)).cause
    assert gv.check(lambda z: norm(z).real, grad=lambda z: 2 * z, inputs=Z).ok


def test_none_is_no_claim_about_either_part():
    report = gv.check(lambda w, z: w * z, vjp=lambda g, w, z: ((g * np.conj(z)).real, None), inputs=(np.ones(3), Z[0]))
    assert report.ok


# -- forward rules, Jacobians, second derivatives


def test_forward_rules_are_the_same_in_both_conventions_and_held_to_the_pullback():
    def jvp(u, z):
        return 2 * z * u

    for convention in ("torch", "jax"):
        assert gv.check(square, jvp=jvp, inputs=BOX, convention=convention).ok
    wrong = gv.check(square, jvp=lambda u, z: 2 * np.conj(z) * u, inputs=Z)
    assert only(wrong).argument in ("pushforward(x, u).real", "pushforward(x, u).imag")
    both = {"vjp": lambda g, z: 2 * g * z, "jvp": jvp, "laws": "pullback_is_the_adjoint", "inputs": Z}
    assert gv.check(square, **both, convention="jax").ok
    assert not gv.check(square, **both).ok


@pytest.mark.parametrize("convention", ["torch", "jax"])
def test_a_jacobian_of_a_complex_value_has_dy_is_j_dz_in_both_conventions(convention):
    z = {"inputs": gv.Box("n", dtype="complex128"), "convention": convention}
    assert gv.check(square, jac=lambda z: np.diag(2 * z), **z).ok
    wrong = gv.check(square, jac=lambda z: np.diag(2 * np.conj(z)), **z)
    assert only(wrong).cause == "its conjugate is right: a Jacobian J of a complex value has dy = J dz"
    neither = gv.check(lambda z: z + np.conj(z) / 2, jac=lambda z: 1.5 * np.eye(len(z), dtype=z.dtype), **z)
    assert only(neither).cause == "dy = J dz is what holomorphic functions have; for another one give vjp="


def test_a_product_with_the_hessian_is_a_forward_rule_of_the_gradient_and_symmetric():
    def quartic(z):
        return (np.abs(z) ** 4).sum()

    def grad(z):
        return 4 * np.abs(z) ** 2 * z

    def hessp(z, p):
        return 8 * (np.conj(z) * p).real * z + 4 * np.abs(z) ** 2 * p

    z = gv.Box("n", dtype="complex128")
    report = gv.check(quartic, grad=grad, hessp=hessp, inputs=z)
    assert report.ok, str(report)
    assert "HOLDS     hessian_is_symmetric" in str(report)
    other = {"grad": lambda z: np.conj(grad(z)), "hessp": lambda z, p: np.conj(hessp(z, p)), "convention": "jax"}
    report = gv.check(quartic, inputs=z, **other)
    assert report.ok, str(report)
    assert "hessian_is_symmetric" not in str(report)  # the pair (dL/da, -dL/db) is the gradient of nothing
    with pytest.raises(gv.Misuse, match="no complex matrix is the Hessian by a complex input; give hessp= in its"):
        gv.check(quartic, grad=grad, hess=lambda z: np.eye(3), inputs=Z)


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


# -- witnesses


@pytest.mark.parametrize("inputs", [
    BOX, gv.Box("n", dtype="complex64"), np.array([complex(-0.0, 1), 2, complex(3, -0.0)]),
])  # fmt: skip
@pytest.mark.parametrize("convention", ["", "jax"])
def test_a_witness_gives_complex_arrays_again_and_pastes_back(inputs, convention):
    def right_vjp(g, z):
        return 2 * g * (z if convention else np.conj(z))

    def wrong_vjp(g, z):
        return 3 * g * (z if convention else np.conj(z))

    finding = only(gv.check(square, vjp=wrong_vjp, inputs=inputs, convention=convention))
    line = finding.witness
    assert ('convention="jax"' in line) == bool(convention)
    with pytest.raises(gv.LawBroken, match=r"pullback_is_the_derivative") as broken:
        exec(line, {"square": square, "wrong_vjp": wrong_vjp})
    assert f"at {finding.place}: claimed" in str(broken.value)
    exec(line, {"square": square, "wrong_vjp": right_vjp})


def test_a_witness_keeps_every_bit_of_every_number():
    z = np.array([complex(-0.0, 0.1), complex(0.0, -0.0), 1e-300 - 1e300j, complex(np.pi, -1 / 3), complex(0, np.inf)])
    sparse = gv.sparse((9,), {(4,): z[0], (5,): z[1]}, dtype="complex128")
    for a in (z, z[0], np.complex64(z[[0, 1, 3]]), sparse, np.full((3, 4), z[1]), np.zeros((0, 2), complex)):
        again = eval(literal(a), {"np": np, "gv": gv})
        assert (again.dtype, again.shape) == (a.dtype, a.shape)
        assert again.tobytes() == a.tobytes()


def test_a_search_finds_the_smallest_complex_input_and_says_it_in_complex_numbers():
    report = gv.check(square, vjp=lambda g, z: 2 * g * z, inputs=BOX, by=gv.Search())
    finding = only(report)
    assert OTHER in finding.cause
    assert 'dtype="complex128"' in finding.witness or '"complex128"' in finding.witness
    with pytest.raises(gv.LawBroken, match="pullback_is_the_derivative"):
        exec(finding.witness, {"square": square, "f": square, "vjp": lambda g, z: 2 * g * z})


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
