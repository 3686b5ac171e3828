"""``examine`` gives the three statuses as they are defined: cells, zeros, reasons, budgets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import gradverify as gv
from gradverify import nn
from gradverify._examine import survey
from gradverify.floats import Floats
from gradverify.laws import laws_named

(DERIVATIVE,) = laws_named("pullback_is_the_derivative")
BY = gv.Sampling(smallest=False)


def subject(f, vjp, **places):
    return gv.Subject("f", f, gv.Domain({k: gv.At(np.asarray(a)) for k, a in places.items()}), vjp=vjp)


def test_a_cell_that_is_zero_holds_beside_one_that_is_not():
    s = subject(lambda x, y: np.sin(x), lambda g, x, y: (g * np.cos(x), np.zeros_like(y)), x=[0.3, 1.0], y=[1.0, 2.0])
    verdict = gv.examine(DERIVATIVE, s, by=BY)
    assert verdict.status == "HOLDS"
    assert verdict.notes == ("zero here: y (float64)",)


def test_a_derivative_that_is_zero_everywhere_is_undecided():
    s = subject(lambda x: np.floor(x) + 0.5, lambda g, x: 0 * g, x=[0.5, 1.25])
    verdict = gv.examine(DERIVATIVE, s, by=BY)
    assert verdict.status in ("UNDECIDED", "HOLDS")
    constant = gv.examine(DERIVATIVE, subject(lambda x: 0 * x + 1, lambda g, x: 0 * g, x=[0.5]), by=BY)
    assert constant.status == "UNDECIDED"
    assert constant.reason.startswith("x (float64): the derivative is zero at every point tried")


def test_a_zero_claimed_where_the_derivative_is_not_fails():
    s = subject(lambda x, y: x * y, lambda g, x, y: (g * y, 0 * g), x=[0.3], y=[2.0])
    (finding,) = gv.examine(DERIVATIVE, s, by=BY).findings
    assert (finding.argument, finding.claimed) == ("y", 0.0)


def test_an_argument_beside_one_of_another_scale_is_decided_by_itself():
    s = subject(lambda x, y: x + 1e-5 * y, lambda g, x, y: (g, 1.001e-5 * g), x=[10.0], y=[1.0])
    (finding,) = gv.examine(DERIVATIVE, s, by=BY).findings
    assert finding.argument == "y"


def test_what_is_not_claimed_is_undecided_with_that_reason():
    verdict = gv.examine(laws_named("pullback_is_the_adjoint")[0], nn.tanh, by=BY)
    assert (verdict.status, verdict.reason) == ("UNDECIDED", "tanh claims no jvp")
    none = gv.examine(DERIVATIVE, subject(np.sin, lambda g, x: None, x=[1.0]), by=BY)
    assert (none.status, none.reason) == ("UNDECIDED", "every gradient is None")


def test_a_budget_is_looked_at_between_points():
    few = gv.examine(DERIVATIVE, nn.tanh, by=BY, budget=1)
    assert (few.trials, few.notes) == (2, ("stopped: the budget was spent",))
    with pytest.raises(gv.Misuse, match="budget=True"):
        gv.examine(DERIVATIVE, nn.tanh, by=BY, budget=True)


def test_points_left_out_are_counted():
    s = gv.Subject("log", np.log, gv.Domain({"x": gv.Box("n")}), vjp=lambda g, x: g / x)
    verdict = gv.examine(DERIVATIVE, s, by=BY)
    assert "left out: not finite, or refused" in verdict.scope


def test_a_report_is_undecided_only_for_a_derivative_and_fails_for_any_law():
    def verdict(status, derivative):
        return gv.Verdict("f", "law", "", status, "Sampling", derivative=derivative)

    holds = verdict("HOLDS", False)
    from gradverify._verdict import Status

    def report(*pairs):
        return gv.Report(tuple(verdict(Status(s), d) for s, d in pairs)).status

    assert holds.status == "HOLDS"
    assert report(("HOLDS", True), ("UNDECIDED", False)) == "HOLDS"
    assert report(("HOLDS", False), ("UNDECIDED", True)) == "UNDECIDED"
    assert report(("UNDECIDED", True), ("FAILS", False)) == "FAILS"
    assert report() == "UNDECIDED"


def test_a_stationary_point_holds_when_the_derivative_beside_it_is_right_and_not_zero():
    def mse(x, t):
        return ((x - t) ** 2).mean()

    def vjp(g, x, t, factor=2.0):
        return factor * g * (x - t) / x.size, -factor * g * (x - t) / x.size

    here = np.arange(5.0)
    verdict = gv.examine(DERIVATIVE, subject(mse, vjp, x=here, t=here), by=BY)
    assert verdict.status == "HOLDS"
    assert verdict.notes[0].startswith("x, t: zero at this point; more than that, and right,")
    wrong = subject(mse, lambda g, x, t: vjp(g, x, t, 3.0), x=here, t=here)
    assert gv.examine(DERIVATIVE, wrong, by=BY).status == "UNDECIDED"


# -- many laws at the same points -------------------------------------------------------------------


class Bringing:
    """A Method that brings these points, and does with the loop what it is told to."""

    name = "Bringing"

    def __init__(self, *points, then=lambda loop, trial, found: None):
        self.points, self.then, self.instruments, self.judged = points, then, Floats(), []

    def drive(self, subject, seed, loop):
        for number, x in enumerate(self.points):
            if not loop.open:
                return
            trial = self.instruments.trial(subject, gv.Vectors((np.asarray(x),)), "a point", seed, (number,))
            found = loop.judge(trial)
            self.judged.append([f.law for f in found])
            self.then(loop, trial, found)


def box(vjp, f=np.sin):
    return gv.Subject("f", f, gv.Domain({"x": gv.Box("n")}), vjp=vjp)


RIGHT = box(lambda g, x: g * np.cos(x))
WRONG_FROM_1 = box(lambda g, x: g * np.cos(x) * np.where(np.abs(x) > 1, 2.0, 1.0))
THREE = laws_named(("pullback_is_the_derivative", "pullback_is_linear", "pullback_remembers_nothing"))


@pytest.mark.parametrize("op", [nn.softmax, nn.cross_entropy, nn.relu, nn.layer_norm], ids=lambda op: op.name)
def test_a_survey_says_of_each_law_what_examine_says(op):
    laws = laws_named(("pullback_is_the_derivative", "pullback_is_linear", "shape_and_dtype_are_kept"))
    surveyed = survey(laws, op, by=BY)
    alone = [gv.examine(law, op, by=BY) for law in laws]
    assert [replace(v, seconds=0.0) for v in surveyed] == [replace(v, seconds=0.0) for v in alone]
    assert all(v.seconds > 0 for v in surveyed)


def test_a_survey_asks_the_function_for_less_than_its_laws_one_by_one():
    calls = []
    counted = replace(nn.softmax, value=lambda x: calls.append(1) or nn.softmax.value(x))
    survey(THREE, counted, by=BY)
    together = len(calls)
    for law in THREE:
        gv.examine(law, counted, by=BY)
    assert together < 0.95 * (len(calls) - together)


def test_a_law_that_breaks_is_closed_and_those_that_rest_on_it_are_not_judged():
    by = Bringing([0.5], [0.5, 2.0], [0.5, 3.0])
    derivative, linear, remembers = survey(THREE, WRONG_FROM_1, by=by)
    assert by.judged == [[], ["pullback_is_the_derivative"], []]
    assert (derivative.status, derivative.scope) == ("FAILS", "2 points in float64")
    assert (linear.status, linear.scope) == ("HOLDS", "3 points in float64")
    assert remembers.reason == "not judged: it rests on pullback_is_the_derivative, which fails"
    assert (remembers.status, remembers.trials) == ("UNDECIDED", 0)


def test_a_method_may_look_at_a_point_again_without_its_being_counted_and_keep_what_it_finds():
    kept = []

    def shrink(loop, trial, found):
        for finding in found:
            smaller = Floats().trial(trial.subject, gv.Vectors((np.array([1.5]),)), "a smaller point", 0, (9,))
            right = Floats().trial(trial.subject, gv.Vectors((np.array([0.5]),)), "a right point", 0, (9,))
            assert loop.again(right, finding.law) is None
            kept.append(loop.again(smaller, finding.law))
            loop.keep(kept[0])

    by = Bringing([0.5, 0.25], [0.5, 2.0], then=shrink)
    (verdict,) = survey(THREE[:1], WRONG_FROM_1, by=by)
    assert verdict.findings == tuple(kept)
    assert (verdict.findings[0].where, verdict.findings[0].inputs[0].tolist()) == ("a smaller point", [1.5])
    assert (verdict.scope, verdict.trials, verdict.decisive) == ("2 points in float64", 3, 2)


def test_a_method_that_can_go_no_further_leaves_what_is_open_undecided_and_what_broke_broken():
    by = Bringing([0.5, 2.0], then=lambda loop, trial, found: loop.stop("the well is dry"))
    derivative, linear, _ = survey(THREE, WRONG_FROM_1, by=by)
    assert derivative.status == "FAILS"
    assert (linear.status, linear.reason) == ("UNDECIDED", "the well is dry")
    held = survey(THREE, RIGHT, by=Bringing([0.5, 2.0]))
    assert [v.status for v in held] == ["HOLDS"] * 3


def test_one_budget_is_shared_by_all_laws_and_each_has_one_point():
    verdicts = survey(THREE, nn.tanh, by=BY, budget=1)
    assert {v.scope for v in verdicts} == {"1 point in float64"}
    assert {v.notes for v in verdicts} == {("stopped: the budget was spent",)}


def test_a_function_that_answers_at_random_is_undecided_at_once():
    rng = np.random.default_rng(0)
    verdict = gv.examine(DERIVATIVE, box(lambda g, x: g, lambda x: x + rng.standard_normal(x.shape)), by=BY)
    assert (verdict.status, verdict.scope) == ("UNDECIDED", "1 point (1 left out: not finite, or refused) in float64")
    assert verdict.reason == "f is random: two calls with the same inputs differ; pass the seed or the mask in"


@pytest.mark.parametrize("x", [np.float32([3.3e38, 1e38]), np.array([1.75e308, -1e308]), np.array([5e-324, 1e-310])])
@pytest.mark.parametrize(("f", "vjp"), [
    (lambda x: x / 2, lambda g, x: g / 2), (lambda x: np.sqrt(np.abs(x)), lambda g, x: g * np.sign(x) / np.sqrt(x * x)),
    (np.tanh, lambda g, x: g * 0),
])  # fmt: skip
def test_points_at_the_ends_of_a_type_are_judged_without_a_warning(x, f, vjp):
    here = gv.Subject("f", f, gv.Domain({"x": gv.At(x)}), vjp=vjp)
    assert survey(THREE, here, by=BY)  # a warning would be an error in these tests


@pytest.mark.parametrize("by", [BY, gv.Search()], ids=["Sampling", "Search"])
def test_an_interruption_passes_through(by):
    def interrupted(g, x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        survey(THREE, box(interrupted), by=by)


# -- what is small beside something large ----------------------------------------------------------


def judged(f, vjp, inputs, seeds=4):
    return [str(gv.check(f, vjp=vjp, inputs=inputs, seed=seed).status) for seed in range(seeds)]


@pytest.mark.parametrize(("factor", "told"), [(1, "HOLDS"), (0, "FAILS"), (-1, "FAILS"), (2, "FAILS"), (1.01, "FAILS")])
def test_an_argument_a_million_times_smaller_than_another_is_judged_by_itself(factor, told):
    def f(w, b):
        return 1e8 * np.sum(w**2) + np.sum(b**2)

    def vjp(g, w, b):
        return 2e8 * w * g, factor * 2 * b * g

    assert judged(f, vjp, (np.ones(3), np.ones(3))) == [told] * 4


@pytest.mark.parametrize(("factor", "told"), [(1, "HOLDS"), (0, "FAILS"), (-1, "FAILS"), (1.01, "FAILS")])
@pytest.mark.parametrize("largest", [15.0, 20.0, 30.0])
def test_an_output_lost_beside_larger_ones_is_judged_apart(largest, factor, told):
    def vjp(g, x):
        return g * np.exp(x) * np.array([factor, 1])

    assert judged(np.exp, vjp, np.array([1.0, largest])) == [told] * 4


@pytest.mark.parametrize(("factor", "told"), [(1, "HOLDS"), (-1, "FAILS"), (1.1, "FAILS")])
def test_entries_lost_beside_larger_ones_are_judged_apart(factor, told):
    def vjp(g, x):
        return np.concatenate([1e6 * g, factor * 1e-3 * g])

    assert judged(lambda x: x[:3] * 1e6 + x[3:] * 1e-3, vjp, np.ones(6)) == [told] * 4


def test_a_wrong_rule_beside_a_point_without_slope_is_told():
    report = gv.check(lambda x: np.sum(x**2), grad=lambda x: 3 * x, inputs=np.zeros(3))
    assert report.status == "UNDECIDED"
    assert "0, or too small to be judged, at this point, and wrong +6e-08 beside it: claimed" in str(report)


def test_a_gradient_that_is_not_finite_beside_a_small_output_is_not_held_against_a_cotangent_of_0():
    def rows_of_norm_1(x):
        return x / np.maximum(np.sqrt((x * x).sum(1, keepdims=True)), 1e-12)

    def vjp(g, x):  # NaN in a row of zeros, where the slope is 1e12
        r = np.sqrt((x * x).sum(1, keepdims=True))
        z = x / r
        return (g - z * (g * z).sum(1, keepdims=True)) / r

    assert judged(rows_of_norm_1, vjp, gv.Box("n 4"), seeds=3) == ["HOLDS"] * 3
