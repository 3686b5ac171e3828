"""The smallest arrays that still fail: few calls, inside the domain, and still the same failure."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field

import numpy as np
import pytest

import gradverify as gv
from gradverify import nn
from gradverify._verdict import Finding
from gradverify.explain import alike, minimise
from gradverify.faults import fault
from gradverify.floats import Floats
from gradverify.laws import laws_named

MATRIX = gv.Box("n k")


def overflowing(arrays):
    with np.errstate(over="ignore"):
        return bool(np.isinf(np.exp(arrays[0])).any())


@pytest.mark.parametrize("shape", [(32, 10), (256, 256), (1, 1), (7,), ()])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", range(3))
def test_one_entry_that_overflows_is_found_among_many_in_100_calls(shape, dtype, seed):
    rng = np.random.default_rng(seed)
    x = np.array(rng.standard_normal(shape), dtype)
    place = tuple(int(rng.integers(n)) for n in shape)
    limit = 709.8 if dtype == "float64" else 88.8
    x[place] = limit * rng.uniform(1, 1.3)
    asked = []
    smaller = minimise((x,), lambda a: asked.append(a) or overflowing(a), (gv.Box(shape),))
    (y,) = smaller.arrays
    assert smaller.calls == len(asked) <= 100
    assert np.argwhere(y).tolist() == [list(place)]
    assert y[place] <= 1.25 * limit
    assert float(f"{y[place]:.3g}") == np.float64(f"{y[place]}"), "three digits at most"
    assert (y.dtype, overflowing((y,))) == (x.dtype, True)


def test_what_does_not_fail_is_handed_back_after_one_call():
    x = np.ones(3)
    smaller = minimise((x,), lambda a: False, (gv.Box("n"),))
    assert (smaller.calls, smaller.arrays[0] is x) == (1, True)


def test_no_more_calls_than_allowed_are_made_and_the_smallest_so_far_is_kept():
    x = np.arange(1.0, 65.0)
    smaller = minimise((x,), lambda a: np.count_nonzero(a[0]) >= 20, (gv.Box("n"),), most=30)
    assert smaller.calls == 30
    assert 20 <= np.count_nonzero(smaller.arrays[0]) < 64


@pytest.mark.parametrize("laid", [np.asfortranarray, lambda a: a[::-1], lambda a: np.repeat(a, 2, axis=1)[:, ::2]])
def test_a_failure_that_needs_a_memory_layout_keeps_it(laid):
    x = laid(np.arange(1.0, 13.0).reshape(3, 4))
    smaller = minimise((x,), lambda a: not a[0].flags.c_contiguous and a[0][1, 2] != 0, (MATRIX,))
    (y,) = smaller.arrays
    assert y.strides == x.strides
    assert np.argwhere(y).tolist() == [[1, 2]]
    plain = minimise((x,), lambda a: a[0][1, 2] != 0, (MATRIX,)).arrays[0]
    assert plain.flags.c_contiguous


def test_an_entry_stays_within_its_bounds():
    box = gv.Box("n", low=0.25, high=np.array([8.0, 3.0, 0.75]))
    seen = []
    x = np.array([7.0, 2.5, 0.5])
    smaller = minimise((x,), lambda a: seen.append(a[0].copy()) or a[0][0] > 4, (box,))
    assert all(np.all((y >= 0.25) & (y <= [8.0, 3.0, 0.75])) for y in seen)
    assert smaller.arrays[0].tolist() == [5.0, 1.0, 0.5]


def test_labels_stay_labels_and_what_was_given_stays_as_it_is():
    t = np.eye(4)[[3, 1, 2]]
    kinds = {
        "one-hot": t, "simplex": np.full((3, 4), 0.25), "index": np.array([3, 1, 2]), "mask": np.array([True, False]),
        "sign": np.array([-1.0, 1.0, -1.0]), "positive-definite": 2 * np.eye(3),
    }  # fmt: skip
    boxes = [gv.Box(a.shape, kind=kind, high=4 if kind == "index" else np.inf) for kind, a in kinds.items()]
    given = np.array([0.3, 0.7])
    smaller = minimise((*kinds.values(), given), lambda a: a[0][1, 1] == 1, (*boxes, gv.At(given)))
    hot, simplex, index, mask, sign, definite, same = smaller.arrays
    assert hot.tolist() == np.eye(4)[[0, 1, 0]].tolist()
    assert (index.tolist(), mask.tolist(), sign.tolist()) == ([0, 0, 0], [False, False], [1.0, 1.0, 1.0])
    assert (index.dtype, mask.dtype) == (kinds["index"].dtype, bool)
    for kept, before in ((simplex, kinds["simplex"]), (definite, kinds["positive-definite"]), (same, given)):
        assert np.array_equal(kept, before)


def finding(**changes):
    plain = Finding("a_law", "W1", (3, 7), 2.0, 1.0, 0.0)
    return dataclasses.replace(plain, **changes)


@pytest.mark.parametrize(("changes", "same"), [
    ({}, True), ({"index": (0, 0)}, True), ({"claimed": 20.0, "expected": 10.0}, True), ({"claimed": 1.2}, True),
    ({"claimed": 1.001}, False), ({"claimed": -2.0}, False), ({"claimed": 0.0}, False), ({"expected": 0.0}, False),
    ({"claimed": np.nan}, False), ({"claimed": np.inf}, False), ({"argument": "b1"}, False), ({"law": "other"}, False),
    ({"cause": "the answer, against the same formula in float64"}, False),
    ({"expected": "0 (the slope nearby)"}, False), ({"claimed": "raised ValueError", "expected": "an answer"}, False),
])  # fmt: skip
def test_the_same_mistake_is_told_from_another(changes, same):
    assert alike(finding(), finding(**changes)) is same


def test_not_finite_stays_not_finite_and_a_raise_the_same_raise():
    assert alike(finding(claimed=np.nan), finding(claimed=-np.inf))
    raised = finding(claimed="raised ValueError: got 3 rows", expected="an answer")
    assert alike(raised, dataclasses.replace(raised, claimed="raised ValueError: got 12 rows"))
    assert not alike(raised, dataclasses.replace(raised, claimed="raised IndexError: got 3 rows"))


# -- through a law, to the line that is pasted ------------------------------------------------------


@dataclass(frozen=True)
class Once:
    """The Method that tries one point and makes it small."""

    x: tuple
    calls: list = field(default_factory=list)
    instruments: Floats = field(default_factory=Floats)
    name: str = "Once"

    def drive(self, subject, seed, loop):
        trial = self.instruments.trial(subject, gv.Vectors(self.x), "a planted point", seed, (1,))
        for found in loop.judge(trial):
            self.calls.append(self.instruments.shrink(trial, found, loop))


def unshifted(x):
    e = np.exp(x)
    return e / e.sum(-1, keepdims=True)


def unshifted_vjp(g, x):
    p = unshifted(x)
    return p * (g - (g * p).sum(-1, keepdims=True))


@pytest.mark.parametrize("shape", [(32, 10), (256, 256)])
def test_an_overflow_becomes_one_entry_and_its_line_pastes_back_to_the_same_failure(shape):
    rng = np.random.default_rng(1)
    x = rng.standard_normal(shape).astype("float32")
    place = (3, 7)
    x[place] = 97.5
    softmax = gv.Subject(
        "unshifted", unshifted, gv.Domain({"x": gv.Box(shape)}), vjp=unshifted_vjp, dtypes=("float32",),
        call="unshifted, vjp=unshifted_vjp",
    )  # fmt: skip
    by = Once((x,))
    verdict = gv.examine(laws_named("finite_in_finite_out")[0], softmax, by=by)
    assert verdict.status == "FAILS"
    (found,) = verdict.findings
    assert np.argwhere(found.inputs[0]).tolist() == [list(place)]
    assert by.calls[0] <= 100
    assert f"gv.sparse({shape}, {{(3, 7): " in found.witness
    assert (verdict.trials, verdict.scope) == (1, "1 point in float32"), "smaller points count for nothing"
    with pytest.raises(gv.LawBroken, match="unshifted FAILS finite_in_finite_out") as broken:
        exec(found.witness, {"unshifted": unshifted, "unshifted_vjp": unshifted_vjp})
    assert f"at {found.place}: claimed {found.claimed:g}, expected 0" in str(broken.value)


def test_sampling_shows_the_smallest_inputs_unless_it_is_told_not_to_and_leaves_given_ones():
    def check(inputs, **how):
        by = gv.Sampling(**how)
        report = gv.check(unshifted, vjp=lambda g, x: g * unshifted(x), inputs=inputs, by=by, dtype="float64")
        (found,) = report.findings
        return found

    plain, small = check(MATRIX, smallest=False), check(MATRIX)
    assert np.count_nonzero(plain.inputs[0]) == np.count_nonzero(plain.cotangent[0]) == 12
    assert np.count_nonzero(small.inputs[0]) <= 1
    assert len(set(np.nonzero(small.cotangent[0])[0])) == 1, (
        "one row is left: which of its entries are, follows from the sign"
    )
    assert (small.law, small.argument, small.where) == (plain.law, plain.argument, f"{plain.where} at x (3, 4)")
    given = np.array([[0.3, 0.7]])
    assert np.array_equal(check(given).inputs[0], given)
    assert check(given).where == "the given inputs"


@pytest.mark.parametrize("planted", ["the sign is wrong", "the last row is left out", "of the wrong dtype"])
@pytest.mark.parametrize("op", [nn.softmax, nn.relu, nn.layer_norm, nn.negative_log_likelihood], ids=lambda op: op.name)
def test_every_finding_pastes_back_to_itself(planted, op):
    report = gv.check(fault(planted).apply(op), by=gv.Search())
    assert report.findings
    for found in report.findings:
        with pytest.raises(gv.LawBroken) as broken:
            exec(found.witness, {})
        assert re.search(rf" FAILS {found.law}(: .+)?$", str(broken.value), re.MULTILINE)
        assert f"at {found.place}: claimed" in str(broken.value)


def test_a_small_fault_does_not_drift_into_a_larger_one():
    """A slope wrong by 1 % beside a constant wrong by a factor: each finding keeps its own size."""

    def vjp(g, x):
        return g * np.cos(x) * np.where(x == 0, 5.0, 1.01)

    sine = gv.Subject("sine", np.sin, gv.Domain({"x": gv.Box("n")}), vjp=vjp)
    (found,) = gv.examine(
        laws_named("pullback_is_the_derivative")[0], sine, by=Once((np.array([0.3, 0.4, -1.2]),))
    ).findings
    assert found.claimed == pytest.approx(1.01 * found.expected, rel=1e-9)
