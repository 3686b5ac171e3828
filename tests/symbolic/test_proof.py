"""Proof holds what is right for all real inputs, refutes what is wrong by the real code, and names what it cannot."""

from __future__ import annotations

import math
import sys
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import gradverify as gv
from gradverify import nn
from gradverify._tally import Budget
from gradverify.embedded import MISTAKES
from gradverify.faults import FAULTS
from gradverify.faults import fault as planted
from gradverify.laws import laws_of
from gradverify.symbolic import proof

PROOF = gv.Proof()
DERIVATIVE = gv.laws.pullback_is_the_derivative
# What no statement about real numbers can see: types, and a zero that the domain does not hold.
OF_FLOATS = {"wrong in float32 only", "of the wrong dtype", "rounded to a coarser type on the way"}
REFUTED = 0.9  # the floor beside the zero


def checked(f: Any, vjp: Any, inputs: Any = None, **rest: Any) -> gv.Verdict:
    box = inputs if inputs is not None else gv.Box("n k")
    report = gv.check(f, vjp=vjp, inputs=box, by=PROOF, laws="pullback_is_the_derivative", **rest)
    return report.verdicts[0]


# -- our own operations ----------------------------------------------------------------------------


@pytest.mark.parametrize("op", [*nn.OPS, nn.network((3, 4, 2))], ids=lambda op: op.name)
def test_every_operation_is_proved_under_every_law_about_real_numbers(op: gv.Subject) -> None:
    verdicts = [PROOF.verdict(law, op) for law in laws_of(op.spec) if not law.missing(op)]
    open_ = {v.law: v.reason for v in verdicts if v.status != "HOLDS"}
    for law in ("finite_in_finite_out", "layout_does_not_matter", "pullback_is_accurate"):
        assert open_.pop(law, proof.ABOUT_FLOATS) == proof.ABOUT_FLOATS
    gibbs = open_.pop("cross_entropy_is_at_least_the_label_entropy", "")
    assert not gibbs or gibbs.startswith("an inequality")
    assert open_ == {}


def test_no_wrong_backward_is_proved_and_nearly_all_are_refuted_by_the_real_code() -> None:
    seen: Counter[str] = Counter()
    missed = []
    for op in nn.OPS:
        for fault in FAULTS:
            if fault.name in OF_FLOATS or (op is nn.negative_log_likelihood and "zero" in fault.name):
                continue
            wrong = fault.apply(replace(op, dtypes=("float64",)))
            report = gv.check(wrong, by=PROOF, laws="pullback_is_the_derivative")
            report = report if report.status == "FAILS" else gv.check(wrong, by=PROOF)
            seen[str(report.status)] += 1
            if report.status != "FAILS":
                missed.append((op.name, fault.name))
            else:
                assert report.findings[0].witness
    assert {fault for _, fault in missed} <= {"the first answer is kept"}, missed
    assert seen["HOLDS"] == 0
    assert sum(seen.values()) >= 300
    assert seen["FAILS"] >= REFUTED * sum(seen.values())


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.wrong.name)
@pytest.mark.parametrize("by", [gv.Proof(), gv.Search(), gv.Sampling()], ids=lambda by: by.name)
def test_every_method_refutes_each_mistake_and_holds_what_is_right(mistake: Any, by: Any) -> None:
    wrong = gv.examine(DERIVATIVE, mistake.wrong, by=by)
    assert wrong.status == "FAILS", wrong.reason
    (finding,) = wrong.findings
    assert finding.argument in mistake.wrong.names
    assert finding.claimed != finding.expected
    assert gv.examine(DERIVATIVE, mistake.right, by=by).status == "HOLDS"


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.wrong.name)
def test_a_counterexample_pastes_back_to_the_same_failure(mistake: Any) -> None:
    (finding,) = PROOF.verdict(DERIVATIVE, mistake.wrong).findings
    with pytest.raises(gv.LawBroken, match="FAILS pullback_is_the_derivative"):
        exec(finding.witness, {})


# -- right code that is hard -----------------------------------------------------------------------


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def attention(q, k, v):
    return softmax(q @ k.T / np.sqrt(q.shape[1])) @ v


def attention_vjp(g, q, k, v):
    root = np.sqrt(q.shape[1])
    p = softmax(q @ k.T / root)
    dp = g @ v.T
    ds = p * (dp - (p * dp).sum(-1, keepdims=True)) / root
    return ds @ k, ds.T @ q, p.T @ g


def by_loops(x):
    out = np.zeros(x.shape[0])
    for i in range(x.shape[0]):
        if x[i, 0] > 0:
            out[i] = x[i].sum()
        else:
            out[i] = -2 * x[i].max()
    return out


def by_loops_vjp(g, x):
    dx = np.zeros_like(x)
    for i in range(len(x)):
        if x[i, 0] > 0:
            dx[i] = g[i]
        else:
            dx[i, x[i].argmax()] = -2 * g[i]
    return dx


def masked(s):
    keep = np.tri(s.shape[0], s.shape[1], dtype=bool)
    return softmax(np.where(keep, s, -np.inf))


def masked_vjp(g, s):
    p = masked(s)
    return p * (g - (g * p).sum(-1, keepdims=True))


ROOT = np.sqrt(2 / np.pi)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(ROOT * (x + 0.044715 * x**3)))


def gelu_vjp(g, x):
    t = np.tanh(ROOT * (x + 0.044715 * x**3))
    return g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * ROOT * (1 + 0.134145 * x**2))


RIGHT: dict[str, tuple[Any, Any, Any]] = {
    "a sigmoid in two branches": (sigmoid, lambda g, x: g * sigmoid(x) * sigmoid(-x), gv.Box("n")),
    "attention, an argument called v": (attention, attention_vjp, (gv.Box("n d"), gv.Box("m d"), gv.Box("m e"))),
    "loops, an if and an argmax": (by_loops, by_loops_vjp, gv.Box("n k")),
    "a mask of infinities": (masked, masked_vjp, gv.Box("n n")),
    "constants folded by hand": (gelu, gelu_vjp, gv.Box("n")),
    "an inverse": (np.linalg.inv, lambda g, a: -np.linalg.inv(a).T @ g @ np.linalg.inv(a).T, gv.Box("n n")),
    "log det": (lambda a: np.linalg.slogdet(a)[1], lambda g, a: g * np.linalg.inv(a).T, gv.Box("n n")),
    "a scatter": (
        lambda w, i: w[i],
        lambda g, w, i: ((lambda d: (np.add.at(d, i, g), d)[1])(np.zeros_like(w)), None),
        (gv.Box("v d"), gv.Box("n", kind="index", high="v")),
    ),
    "sorted rows": (
        lambda x: np.sort(x, -1),
        lambda g, x: (lambda d: (np.put_along_axis(d, np.argsort(x, -1), g, -1), d)[1])(np.zeros_like(x)),
        gv.Box("n k"),
    ),
    "angles": (np.arctan2, lambda g, y, x: (g * x / (x * x + y * y), -g * y / (x * x + y * y)), (gv.Box("n"),) * 2),
    "sine and cosine": (lambda x: np.sin(x) ** 2, lambda g, x: g * np.sin(2 * x), gv.Box("n")),
    "a norm": (
        lambda x: np.sqrt((x * x).sum(-1)),
        lambda g, x: g[..., None] * x / np.linalg.norm(x, axis=-1, keepdims=True),
        gv.Box("n k"),
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_code_in_many_styles_is_proved(name: str) -> None:
    f, vjp, inputs = RIGHT[name]
    verdict = checked(f, vjp, inputs, name="f")
    assert verdict.status == "HOLDS", verdict.reason or verdict.findings


@pytest.mark.parametrize("name", RIGHT)
def test_the_same_code_a_hundredth_too_large_is_refuted(name: str) -> None:
    f, vjp, inputs = RIGHT[name]

    def larger(g, *x):
        out = vjp(g, *x)
        return tuple(None if a is None else 1.01 * a for a in out) if isinstance(out, tuple) else 1.01 * out

    verdict = checked(f, larger, inputs, name="f")
    assert verdict.status == "FAILS", verdict.reason
    assert verdict.by == "Proof"


def test_a_reading_of_constants_that_was_needed_is_told() -> None:
    assert any("decimals" in note or "fractions" in note for note in checked(gelu, gelu_vjp, gv.Box("n")).notes)
    off = lambda g, x: gelu_vjp(g, x) * (1 + 1e-9)  # noqa: E731
    assert checked(gelu, off, gv.Box("n")).status == "FAILS"  # no reading excuses a real mistake


# -- ties ------------------------------------------------------------------------------------------


def test_ties_are_listed_and_a_mistake_there_is_found_by_floats() -> None:
    right = checked(lambda x: np.maximum(x, 0), lambda g, x: g * (x > 0))
    assert any(note.startswith("left out: ties x[0, 0] = 0") for note in right.notes)
    wrong = checked(lambda x: np.maximum(x, 0), lambda g, x: np.where(x == 0, 7.0, g * (x > 0)))
    assert wrong.status == "FAILS"
    assert wrong.by == "Proof, then Sampling"


def test_a_tie_that_is_everywhere_is_no_tie() -> None:
    """After a ReLU half of the entries are exactly 0: >= and > differ there, and both are told apart."""
    f = lambda x: np.maximum(np.maximum(x, 0), 0)  # noqa: E731
    assert checked(f, lambda g, x: g * (np.maximum(x, 0) > 0)).status == "HOLDS"
    assert checked(f, lambda g, x: g * (np.maximum(x, 0) >= 0)).status == "FAILS"


def test_an_entry_that_equals_its_maximum_is_not_folded_to_false() -> None:
    f = lambda x: x.max(-1)  # noqa: E731
    all_of_them = checked(f, lambda g, x: g[..., None] * (x == x.max(-1, keepdims=True)))
    assert all_of_them.by == "Proof, then Sampling"  # right off ties; there every one of them gets everything
    assert checked(f, lambda g, x: 0 * x).by == "Proof"


# -- what a proof is not ---------------------------------------------------------------------------


@pytest.mark.parametrize(("vjp", "where"), [
    (lambda g, x: (g * 0.999 if x.dtype == np.float32 else g) * 2 * x, "in float32"),
    (lambda g, x: np.ascontiguousarray(x)[::-1][::-1] * 2 * g if x.strides[0] > 0 else 2 * x[::-1] * g, "memory"),
    (lambda g, x: 2 * g * x * np.exp(x) / np.exp(x), "in the thousands"),
])  # fmt: skip
def test_a_formula_that_is_right_in_code_that_is_not_does_not_hold(vjp: Any, where: str) -> None:
    subject = gv.Subject("f", lambda x: x * x, gv.Domain({"x": gv.Box("n")}), vjp=vjp, dtypes=("float64", "float32"))
    verdict = PROOF.verdict(DERIVATIVE, subject)
    assert verdict.status in ("FAILS", "UNDECIDED")
    assert verdict.status == "FAILS" or where in verdict.reason


def test_a_detour_through_float32_is_not_what_was_traced() -> None:
    verdict = checked(np.sin, lambda g, x: g * np.asarray(np.cos(x), np.float32).astype(np.float64))
    assert verdict.status == "UNDECIDED"
    assert "f's pullback is not what was traced" in verdict.reason.replace("sin's", "f's")


def test_a_law_about_floats_is_not_proved() -> None:
    verdict = PROOF.verdict(gv.laws.finite_in_finite_out, nn.softmax)
    assert (verdict.status, verdict.reason) == ("UNDECIDED", proof.ABOUT_FLOATS)


def test_types_and_memory_are_looked_at_by_the_real_code() -> None:
    for fault, law in (
        ("of the wrong dtype", "shape_and_dtype_are_kept"),
        ("writes into an input", "inputs_are_left_unchanged"),
    ):
        report = gv.check(planted(fault).apply(nn.tanh), by=PROOF)
        assert [f.law for f in report.findings] == [law]


@pytest.mark.parametrize(("f", "says"), [
    (lambda x: np.fft.fft(x).real, "not supported on symbols: np.fft"),
    (lambda x: np.round(x), "not supported on symbols: np.round"),
    (lambda x: x[np.argsort(x)[int(x[0])]], "not supported on symbols: "),
    (lambda x: np.interp(x, [0.0, 1.0], [2.0, 3.0]), "not supported on symbols: np.interp"),
    (lambda x: np.sort(x[:, None] * x).sum(), "more than 64 ways through the code"),
    (lambda x: x * np.random.default_rng().normal(), "f is random: two calls with the same inputs differ"),
])  # fmt: skip
def test_what_cannot_be_done_is_named(f: Any, says: str) -> None:
    subject = gv.Subject("f", f, gv.Domain({"x": gv.Box("n", low=0.5)}), vjp=lambda g, x: g * 2 * x.sum() + 0 * x)
    verdict = PROOF.verdict(DERIVATIVE, subject, budget=Budget(20.0))
    assert verdict.status == "UNDECIDED"
    assert says in verdict.reason, verdict.reason


def test_too_many_entries_and_a_spent_budget_are_reasons() -> None:
    large = gv.check(nn.tanh, inputs=np.ones((40, 40)), by=PROOF, laws="pullback_is_the_derivative")
    assert "more than 600 entries" in large.verdicts[0].reason
    spent = gv.check(nn.network((3, 4, 2)), by=PROOF, laws="pullback_is_the_derivative", budget=0.05)
    assert spent.verdicts[0].reason == "the budget was spent"


def test_code_that_raises_or_answers_too_little_is_told() -> None:
    def refuses(g, x):
        raise KeyError("no")

    assert "vjp raised KeyError: 'no'" in checked(np.tanh, refuses).reason
    assert "1 gradient(s) for 2 input(s)" in checked(np.add, lambda g, x, y: (g,), (gv.Box("n"),) * 2).reason
    assert "has not its input's shape" in checked(np.tanh, lambda g, x: g[None]).reason


# -- what is the user's ----------------------------------------------------------------------------


def test_the_user_s_module_is_as_it_was() -> None:
    here = sys.modules[__name__]
    before = dict(vars(here))
    checked(gelu, gelu_vjp, gv.Box("n"))
    checked(lambda x: np.fft.fft(x).real, lambda g, x: g)
    assert {k: v for k, v in vars(here).items() if before.get(k) is not v} == {}
    assert "float" not in vars(here)
    assert np is sys.modules["numpy"]


def test_at_given_arrays_their_shape_is_proved_for_all_values() -> None:
    report = gv.check(nn.softmax, inputs=np.arange(6.0).reshape(2, 3), by=PROOF, laws="pullback_is_the_derivative")
    assert report.verdicts[0].status == "HOLDS"
    assert "shapes (2, 3)" in report.verdicts[0].scope


def test_sizes_can_be_chosen_and_are_told() -> None:
    verdict = gv.Proof(sizes={"n": 4, "k": 10}).verdict(DERIVATIVE, nn.cross_entropy)
    assert verdict.status == "HOLDS"
    assert verdict.scope == "all real inputs of n=4, k=10"


def test_a_report_says_proved_and_with_what_chance() -> None:
    text = str(gv.check(nn.softmax, by=PROOF))
    assert "pullback_is_the_derivative    proved for all real inputs of n=2, k=3; n=3, k=2; n=1, k=1" in text
    assert "proved: zero modulo two random 61-bit primes, wrong with a chance below 2^-100" in text


# -- where the function has no value ---------------------------------------------------------------


def logarithm_or_0(x):
    try:
        return math.log(x)
    except ValueError:
        return 0.0


WITHOUT_A_VALUE: dict[str, tuple[Any, Any, Any]] = {
    "a branch where the root is NaN": (
        lambda x: np.where(np.isfinite(x**0.5), x**0.5, 3 * x),
        lambda g, x: np.nan_to_num(g * 0.5 * x**-0.5),
        gv.Box("n"),
    ),
    "NaN made 7": (lambda x: np.nan_to_num(x**0.5), lambda g, x: np.nan_to_num(g / x**0.5 / 2, nan=7.0), gv.Box("n")),
    "NaN made 0": (lambda x: np.nan_to_num(np.log(x)), lambda g, x: g * np.where(x > 0, 1 / x, 0), gv.Box("n")),
    "an exception made 0": (logarithm_or_0, lambda g, x: g / x if x > 0 else 0.0 * x, gv.Box("")),
}


@pytest.mark.parametrize("name", WITHOUT_A_VALUE)
def test_code_that_fills_in_where_there_is_no_value_is_neither_proved_nor_refuted(name: str) -> None:
    f, vjp, inputs = WITHOUT_A_VALUE[name]
    assert checked(f, vjp, inputs).status == "UNDECIDED"


def test_a_function_without_a_value_on_half_the_line_says_where_it_is_claimed() -> None:
    notes = checked(np.log, lambda g, x: g / x, gv.Box("n")).notes
    assert "claimed where every root and logarithm in the function has a value" in notes
    assert not any("claimed where" in n for n in checked(np.log, lambda g, x: g / x, gv.Box("n", low=0.0)).notes)


def test_sizes_at_which_there_is_no_value_are_left_out_and_told() -> None:
    verdict = checked(lambda x: x.std(0), lambda g, x: g * (x - x.mean(0)) / (len(x) * x.std(0)))
    assert verdict.status == "HOLDS"
    assert "without n=1, k=1: division by zero, at every point of this branch" in verdict.notes
    assert "n=1" not in verdict.scope


def test_a_mistake_between_two_thresholds_is_found_there() -> None:
    f = lambda x: np.where(x > 2, x**2, x)  # noqa: E731
    verdict = checked(f, lambda g, x: g * np.where(x > 2.25, 2 * x, 1), gv.Box("n"))
    assert (verdict.status, verdict.by) == ("FAILS", "Proof")


def test_a_part_chosen_by_a_condition_can_be_changed_in_place() -> None:
    def vjp(g, x):
        g = g.copy()
        g[x < 0] *= 0.1
        return g

    assert checked(lambda x: np.where(x > 0, x, 0.1 * x), vjp).status == "HOLDS"
    assert checked(lambda x: np.where(x > 0, x, 0.2 * x), vjp).status == "FAILS"


def test_what_the_code_keeps_of_its_last_call_are_no_symbols() -> None:
    kept = {}

    def square(x):
        kept["x"] = x
        return x * x

    assert checked(square, lambda g, x: 2 * g * kept["x"], gv.Box("n")).status == "HOLDS"
    assert not kept  # as it was before
