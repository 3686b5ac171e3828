"""Typical mistakes are called what they are, with the evidence; what fits no pattern is not given a name."""

from __future__ import annotations

import json

import numpy as np
import pytest

import gradverify as gv
from gradverify import nn
from gradverify._cause import KINDS
from gradverify.explain import circumstances
from gradverify.faults import FAULTS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4))
W, B = RNG.normal(size=(4, 4)), RNG.normal(size=4)
TABLE, ROWS = RNG.normal(size=(5, 3)), np.array([1, 3, 1])


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def pulled_back(axis=-1, both=True):
    """The pullback of softmax with a sum along this axis, or without it."""

    def vjp(g, x):
        p = softmax(x)
        return p * (g - both * (g * p).sum(axis, keepdims=True))

    return vjp


def layer(x, w, b):
    return x @ w + b


def right_layer(g, x, w, b):
    return g @ w.T, x.T @ g, g.sum(0)


def but(k, change):
    """The right pullback of the layer, with argument k's gradient changed."""

    def vjp(g, x, w, b):
        out = list(right_layer(g, x, w, b))
        out[k] = change(out[k], g, w)
        return tuple(out)

    return vjp


def overwritten(g, table, rows):
    out = np.zeros_like(table)
    out[rows] = g
    return out, None


def in_place(g, x):
    return np.multiply(g, np.cos(x), out=g)


def gates(x, w):
    a = x @ w
    return np.tanh(a[:, :2]) * np.tanh(a[:, 2:4]) + np.tanh(a[:, 4:])


def one_gate(g, x, w):
    t = np.tanh(x @ w)
    da = np.concatenate([g * t[:, 2:4], -g * t[:, :2], g], axis=1) * (1 - t**2)
    right = np.concatenate([g * t[:, 2:4], g * t[:, :2], g], axis=1) * (1 - t**2)
    return right @ w.T, x.T @ da


ONE = np.where(np.arange(12).reshape(3, 4) == 7, 1.01, 1)
GATES = (RNG.normal(size=(3, 4)), RNG.normal(size=(4, 6)))
BIG = RNG.normal(size=(90, 4))
MISTAKES = {
    "sign": (np.cos, lambda g, x: g * np.sin(x), X, "claimed = -expected on all 12 entries of x"),
    "factor": (lambda x: (x**2).mean(), lambda g, x: g * 2 * x, X, "claimed = 12 x expected"),
    "count": (lambda x: x.mean(), lambda g, x: np.full_like(x, g / (x.size - 1)), X, "a count of 11 for 12"),
    "slight": (np.sin, lambda g, x: g * (np.cos(x) + 1e-5), X, "a small number is off"),
    "dropped": (layer, but(2, lambda d, g, w: 0 * d), (X, W, B), "b is taken for a constant"),
    "term": (softmax, pulled_back(both=False), X, "that is left out (36 pairs of an output and an entry)"),
    "formula": (np.tanh, lambda g, x: g * (1 - np.tanh(x)), X, "the slope claimed at x"),
    "transposed": (layer, but(0, lambda d, g, w: g @ w), (X, W, B), "right once w is made symmetric in axes 0 and 1"),
    "moved": (np.sin, lambda g, x: (g * np.cos(x))[::-1], X, "in reverse order along axis 0"),
    "mixed": (softmax, pulled_back(axis=0), X, "depends on the cotangent of output"),
    "broadcast": (layer, but(2, lambda d, g, w: g.mean(0)), (X, W, B), "a mean over the 3 outputs that it is added to"),
    "first": (layer, but(2, lambda d, g, w: g[0]), (X, W, B), "the slice 0 along axis 0 counts alone"),
    "entry": (np.sin, lambda g, x: g * np.cos(x) * ONE, X, "one entry of 12 is wrong: x[1, 3]"),
    "edge": (np.sin, lambda g, x: g * np.cos(x) * (np.arange(4) < 3), X, "the last of 4 along axis 1"),
    "part": (np.sin, lambda g, x: g * np.cos(x) * (np.arange(90) % 3 > 0)[:, None], BIG, "; claimed = 0 there"),
    "place": (lambda x: x.cumsum(-1), lambda g, x: g[:, ::-1].cumsum(-1)[:, ::-1] - g, X, "own share is missing"),
    "duplicates": (lambda table, rows: table[rows], overwritten, (TABLE, ROWS), "right once no index in rows repeats"),
    "cotangent": (np.sin, lambda g, x: np.cos(x), X, "the cotangent itself is ignored"),
    "mask": (lambda x: x * (ONE != 1) * 2, lambda g, x: 2 * g, X, "does not depend on 11 entries of x"),
    "branch": (lambda x: np.maximum(x, 0), lambda g, x: g, X, "right once no entry of x is negative"),
    "range": (lambda x: np.logaddexp(0, x), lambda g, x: g * np.exp(x) / (1 + np.exp(x)), 900 * X, "small (2 at most)"),
    "precision": (
        np.sin,
        lambda g, x: g * np.cos(x) * (1 + 1e-3 * (x.itemsize < 8)),
        X.astype("f4"),
        "wrong in float32",
    ),
    "type": (np.sin, lambda g, x: (g * np.cos(x)).astype("f4"), X, "a gradient of float32 (3, 4)"),
    "shape": (layer, but(2, lambda d, g, w: g), (X, W, B), "a gradient of float64 (3, 4)"),
    "written": (np.sin, in_place, X, "writes into the cotangent"),
    "raised": (np.sin, lambda g, x: g @ x, X, "ValueError"),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_typical_mistake_is_called_what_it_is_and_shown(kind):
    f, vjp, inputs, evidence = MISTAKES[kind]
    report = gv.check(f, vjp=vjp, inputs=inputs, name="f")
    assert {found.kind for found in report.findings[:1]} == {kind}, report
    assert evidence in report.findings[0].cause
    assert f"f FAILS {report.findings[0].law}: {KINDS[kind]}" in str(report)


def test_every_kind_of_cause_but_those_of_calls_and_labels_is_among_these():
    assert set(KINDS) - set(MISTAKES) == {"ties", "labels", "layout", "state", "random", "convention"}


def test_what_is_peculiar_to_a_point_is_no_cause_where_the_failure_stays_without_it():
    x = np.array([[1.0, 1.0, -2.0], [0.0, 700.0, 0.0]])
    report = gv.check(np.sin, vjp=lambda g, x: -g * np.cos(x), inputs=x)
    assert report.findings[0].kind == "sign"


def test_where_a_value_is_special_that_is_told():
    report = gv.check(np.exp, vjp=lambda g, x: g * np.exp(x) * (x != 0), inputs=np.array([0.0, 0.3, -1.7]))
    assert report.findings[0].kind == "ties"
    assert "tie or are whole numbers" in report.findings[0].cause


def test_labels_that_are_no_corners_are_told():
    labels = np.array([[0.2, 0.8], [0.5, 0.5], [0.9, 0.1]])
    logits = RNG.normal(size=(3, 2))

    def loss(z, t):
        return -(t * np.log(softmax(z))).sum()

    def vjp(g, z, t):
        hard = np.eye(2)[t.argmax(-1)]
        return g * (softmax(z) - hard), None

    inputs = (logits, gv.At(labels, kind="simplex"))
    report = gv.check(loss, vjp=vjp, inputs=inputs)
    assert report.findings[0].kind == "labels"


def test_an_answer_kept_from_before_noise_and_sums_over_calls_are_told_apart():
    rng, kept, total = np.random.default_rng(1), {}, [0.0]

    def noisy(g, x):
        return g * np.cos(x) * (1 + 1e-3 * rng.normal())

    def first(g, x):
        return kept.setdefault(x.shape, g * np.cos(x))

    def summed(g, x):
        total[0] = total[0] + g * np.cos(x)
        return total[0]

    kinds = [gv.check(np.sin, vjp=rule, inputs=X).findings[0].kind for rule in (noisy, first, summed)]
    assert kinds == ["random", "state", "state"]


def test_one_gate_of_several_is_named():
    report = gv.check(gates, vjp=one_gate, inputs=GATES)
    assert report.findings[0].kind == "sign"
    assert "part 1 of 3 along axis 1 of w; claimed = -1 x expected there" in report.findings[0].cause


@pytest.mark.parametrize("claim", [lambda x: 1 - np.tanh(x), np.cos])
def test_a_zero_among_the_inputs_makes_no_pattern_of_its_inverse(claim):
    report = gv.check(np.tanh, vjp=lambda g, x: g * claim(x), inputs=np.array([0.3, -1.2, 0.0]))
    assert "the slope claimed at x" in report.findings[0].cause


BATCHES = [
    (lambda x: (x - x.mean(0)) / x.std(0), lambda g, x: g / x.std(0), ""),
    (lambda x: x / np.abs(x).max(-1, keepdims=True), lambda g, x: g / np.abs(x).max(), "mixed"),
]


@pytest.mark.parametrize(("f", "vjp", "kind"), BATCHES)
def test_examples_are_mixed_only_where_the_function_keeps_them_apart(f, vjp, kind):
    found = gv.check(f, vjp=vjp, inputs=RNG.normal(size=(5, 3))).findings[0]
    assert (found.kind == "mixed") == (kind == "mixed")


def test_no_factor_is_1_and_none_that_changes_from_point_to_point_is_constant():
    def through_float32(g, x):
        return (g * np.exp(x.astype("f4"))).astype("f8")

    assert gv.check(np.exp, vjp=through_float32, inputs=X[0]).findings[0].kind == "slight"
    norm = gv.check(np.linalg.norm, vjp=lambda g, x: g * x, inputs=X[0]).findings[0]
    assert norm.kind == "formula"
    assert "at another point: no constant factor" in norm.cause


def test_whole_numbers_among_the_inputs_are_moved_and_nothing_beside_them():
    x = np.array([1.0, -3.0, 800.0, 2.0])
    overflowing = gv.check(MISTAKES["range"][0], vjp=MISTAKES["range"][1], inputs=x)
    assert overflowing.findings[0].kind == "range"
    clipped = gv.check(lambda x: np.clip(x, 0, 6), vjp=lambda g, x: g * (x > 0), inputs=np.array([7.3, 9.1, 2.2, -3.3]))
    assert clipped.findings[0].kind == "branch"


def test_a_constant_is_no_answer_kept_from_before():
    report = gv.check(lambda x: x.mean(), vjp=lambda g, x: np.ones_like(x), inputs=X[0])
    assert report.findings[0].kind == "cotangent"


def test_an_index_that_repeats_is_no_cause_where_its_row_is_wrong_by_itself():
    def last_row_left_out(g, table, rows):
        out = np.zeros_like(table)
        np.add.at(out, rows, g)
        out[-1] = 0
        return out, None

    rows = np.array([4, 4, 2])
    report = gv.check(lambda table, rows: table[rows], vjp=last_row_left_out, inputs=(TABLE, rows))
    assert report.findings[0].kind == "edge"


def test_one_wrong_entry_among_those_asked_of_many_is_alone_only_where_all_others_are_right():
    x = RNG.normal(size=6000)
    tiles = np.where(np.arange(x.size) % 64 == 63, 0, 1)
    report = gv.check(np.sin, vjp=lambda g, x: g * np.cos(x) * tiles, inputs=x)
    assert report.findings[0].kind != "entry"


def test_a_spent_budget_asks_for_no_more():
    calls = [0]

    def f(x):
        calls[0] += 1
        return np.sin(x)

    report = gv.check(f, vjp=lambda g, x: -g * np.cos(x), inputs=X, laws="pullback_is_the_derivative", budget=30)
    assert report.status == "FAILS"
    assert report.findings[0].kind == ""


@pytest.mark.parametrize("bad", [lambda g, x: None, lambda g, x: np.zeros(3), lambda g, x: np.zeros((5, 5))])
@pytest.mark.parametrize("when", [lambda g: np.count_nonzero(g) <= 1, lambda g: g.sum() < 0, lambda g: g.flat[0] == 0])
def test_a_rule_that_answers_in_another_shape_for_some_cotangents_raises_nothing(bad, when):
    rule = lambda g, x: bad(g, x) if when(g) else g * np.sin(x)  # noqa: E731
    assert gv.check(np.sin, vjp=rule, inputs=X[0]).status in ("FAILS", "UNDECIDED")


def test_what_fits_nothing_is_given_no_name_but_its_size():
    def f(x):
        return (np.sin(x) * np.exp(x @ x)).sum()

    def vjp(g, x):
        grown = np.exp(x @ x)
        return g * (np.cos(2 * x) * grown + 2 * x * np.sin(x).sum() * grown)  # cos(2x) for cos(x)

    report = gv.check(f, vjp=vjp, inputs=np.array([0.3, -0.7, 0.2, 0.5]))
    assert report.findings[0].kind == ""
    assert report.findings[0].cause.startswith("no simple pattern: off by ")


def test_a_single_entry_among_many_is_found_alone_among_those_asked():
    x = RNG.normal(size=(60, 50))
    wrong = np.ones(x.shape)
    wrong[31, 7] = 1.01
    report = gv.check(np.sin, vjp=lambda g, x: g * np.cos(x) * wrong, inputs=x)
    assert report.findings[0].kind == "entry"
    assert report.findings[0].place == "x[31, 7]"
    assert (
        report.findings[0].cause
        == "x[31, 7] alone is wrong; claimed = 1.01 x expected there; all others, moved together, are right"
    )


def test_laws_that_break_for_one_cause_are_one_block_and_the_kind_is_in_the_json():
    report = gv.check(np.sin, vjp=lambda g, x: np.cos(x), inputs=X, name="f")
    text = str(report)
    assert text.count("f FAILS") == 1
    assert "  breaks too: pullback_is_linear, pullback_of_zero_is_zero" in text
    assert json.loads(report.to_json())["verdicts"][-1]["findings"] == []
    kinds = [f["kind"] for v in json.loads(report.to_json())["verdicts"] for f in v["findings"]]
    assert kinds == ["cotangent"] * 3


def test_a_rule_that_takes_no_other_cotangent_gets_a_verdict_and_no_cause():
    def picky(g, x):
        if np.count_nonzero(g) < g.size:
            raise RuntimeError("a sparse cotangent")
        return -g * np.cos(x)

    report = gv.check(np.sin, vjp=picky, inputs=X, laws="pullback_is_the_derivative")
    assert report.status == "FAILS"
    assert report.findings[0].kind == ""


NAMES = {
    "the sign is wrong": {"sign"},
    "twice too large": {"factor"},
    "half too small": {"factor"},
    "too large by 1 %": {"factor"},
    "too large by 1e-5": {"factor"},
    "the largest entry is zero": {"entry", "cotangent"},
    "the first entry is off by 1 % of the scale": {"entry"},
    "the last row is left out": {"edge"},
    "transposed": {"transposed", "moved"},
    "moved on by one place": {"moved", "place"},
    "the cotangent is ignored": {"cotangent"},
    "the cotangent has lost its sign": {"cotangent"},
    "the cotangent enters squared": {"cotangent"},
    "the last argument's gradient is zero": {"dropped"},
    "rounded to a coarser type on the way": {"slight", "precision"},
    "wrong in float32 only": {"precision"},
    "writes into the cotangent": {"written"},
    "writes into an input": {"written"},
    "the first answer is kept": {"state"},
    "random": {"random"},
    "of the wrong dtype": {"type"},
    "of the wrong shape": {"shape"},
    "NaN where the input is zero": {"ties", "range"},
}


@pytest.mark.parametrize("subject", [nn.softmax, nn.layer_norm], ids=lambda s: s.name)
def test_a_planted_fault_is_called_by_its_name(subject):
    called = {}
    for fault in FAULTS:
        report = gv.check(fault.apply(subject), by=gv.Sampling(points=3, smallest=False))
        assert report.status == "FAILS", fault.name
        called[fault.name] = report.findings[0].kind
    assert {name: kind for name, kind in called.items() if kind not in NAMES[name]} == {}


def test_an_output_of_another_type_or_size_elsewhere_is_no_trouble():
    def f(x):
        return np.abs(x).sum(-1), x > 0

    def vjp(g, x):
        return np.sign(x) * np.abs(g[0])[:, None]

    def positive(x):
        return x[x > 0]

    for value, rule in ((f, vjp), (positive, lambda g, x: np.abs(x))):
        assert gv.check(value, vjp=rule, inputs=X).status in ("FAILS", "UNDECIDED")


def test_repeated_indices_by_the_ten_thousand_are_looked_at_in_no_time():
    rows = np.arange(20_000) % 5
    distinct = dict(_of_one_kind("index", rows))["duplicates"]
    assert np.unique(distinct).size == rows.size
    assert np.array_equal(distinct[:5], rows[:5])


def _of_one_kind(kind, a):
    """The changes of one argument, by the kind of cause they would show."""
    for changed, cause, _ in circumstances._of_one("a", gv.At(a), a, (-np.inf, np.inf), True):
        yield cause, changed


def pulled_back_softmax(middle):
    """softmax's pullback with another term in the middle: p * g + middle(p, <g, p>)."""

    def vjp(g, x):
        p = softmax(x)
        return p * g + middle(p, (g * p).sum(-1, keepdims=True))

    return vjp


@pytest.mark.parametrize(
    ("middle", "kind", "says"),
    [
        (lambda p, s: p * s, "sign", "one term has another sign"),
        (lambda p, s: -0.5 * p * s, "term", "one vector times another"),
        (lambda p, s: -p * p * s, "term", "one vector times another"),
    ],
)
def test_a_sum_multiplied_back_is_known_by_its_rank_and_its_sign(middle, kind, says):
    assert gv.check(softmax, vjp=pulled_back_softmax(lambda p, s: -p * s), inputs=X).ok
    (found,) = gv.check(softmax, vjp=pulled_back_softmax(middle), inputs=X).findings
    assert (found.kind, says in found.cause) == (kind, True), found.cause


def test_where_one_example_alone_is_right_it_is_the_batch_that_is_mixed():
    def vjp(g, x):
        return g[:, None] * (x == x.max())  # of the whole batch

    (found,) = gv.check(lambda x: x.max(-1), vjp=vjp, inputs=X).findings
    assert found.kind == "mixed"
    assert "right for a batch of one" in found.cause


def test_outputs_at_the_border_are_told_from_outputs_anywhere():
    def f(x):
        padded = np.pad(x, 1)
        return padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]

    def vjp(g, x):
        out = f(g)
        out[0] += g[0]  # as if the edge itself were repeated
        out[-1] += g[-1]
        out[:, 0] += g[:, 0]
        out[:, -1] += g[:, -1]
        return out

    (found,) = gv.check(f, vjp=vjp, inputs=RNG.normal(size=(9, 9))).findings
    assert found.kind == "edge"
    assert "outputs at the border" in found.cause
    scattered = RNG.random((9, 9)) < 0.4
    (found,) = gv.check(f, vjp=lambda g, x: f(g) + scattered * g, inputs=RNG.normal(size=(9, 9))).findings
    assert found.kind == "mixed"


def test_which_outputs_are_answered_wrongly_is_told():
    def f(x):
        return np.sin(x), np.cumsum(x, axis=-1)

    def vjp(g, x):
        return g[0] * np.cos(x) + 2 * g[1][:, ::-1].cumsum(-1)[:, ::-1]

    (found,) = gv.check(f, vjp=vjp, inputs=X).findings
    assert found.outputs == ("value[1]",)
    assert "wrong through value[1]; right for the cotangent of every other output" in str(
        gv.check(f, vjp=vjp, inputs=X)
    )


def test_at_a_tie_all_that_tie_are_named_with_what_is_claimed_of_them_together():
    x = np.array([[1.0, 3.0, 3.0, -2.0], [5.0, 0.0, 1.0, 2.0]])

    def every(g, x):
        return g[:, None] * (x == x.max(-1, keepdims=True))

    (found,) = gv.check(lambda x: x.max(-1), vjp=every, inputs=x, cotangent=np.ones(2)).findings
    assert found.kind == "ties"
    assert found.places == ("x[0, 1]", "x[0, 2]")
    assert found.note == "x[0, 1], x[0, 2] tie, or meet at a kink: in sum 2 is claimed, and 1 is valid"
    shared = gv.check(
        lambda x: x.max(-1), vjp=lambda g, x: every(g, x) / every(np.ones(2), x).sum(-1)[:, None], inputs=x
    )
    assert shared.ok


def test_one_example_that_is_right_by_itself_does_not_make_the_others_mixed():
    def vjp(g, x):
        return np.where(np.abs(x) > 0.9, 0, g / np.sqrt(1 - x * x))

    box = gv.At(np.array([0.1, 0.95, 0.93, 0.2]), low=-1, high=1)
    assert gv.check(np.arcsin, vjp=vjp, inputs=box).findings[0].kind != "mixed"


def test_an_option_that_is_called_is_written_by_its_name():
    def f(x, *, act):
        return act(x)

    (found,) = gv.check(f, vjp=lambda g, x, act=None: g, inputs=gv.Box("n"), options={"act": [np.tanh]}).findings
    assert "'act': [np.tanh]" in found.witness


def test_a_kink_that_no_circumstance_undoes_is_a_branch_for_one_entry_and_for_several_together():
    x = np.array([0.875, 0.75])  # 0.625 twice: neither whole numbers, nor equal, nor of two signs

    def both(g, x):
        return g * (x - SHIFT == (x - SHIFT).max())

    (found,) = gv.check(lambda x: (x - SHIFT).max(), vjp=both, inputs=x).findings
    assert (found.kind, found.claimed) == ("branch", 1.0)
    assert found.note == "x[0], x[1] tie, or meet at a kink: in sum 2 is claimed, and 1 is valid"
    assert "no mixture of the slopes beside it" in found.cause
    shared = gv.check(lambda x: (x - SHIFT).max(), vjp=lambda g, x: both(g, x) / both(1, x).sum(), inputs=x)
    assert shared.ok


SHIFT = np.array([0.25, 0.125])
