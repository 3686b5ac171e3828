"""A witness of complex arrays pastes back, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from complex_pairs import BOX, OTHER, only, square

import gradverify as gv
from gradverify.explain import literal


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
