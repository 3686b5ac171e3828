"""``examine`` gives the three statuses as they are defined: cells, zeros, reasons, budgets."""

from __future__ import annotations

import numpy as np
import pytest

import gradverify as gv
from gradverify import nn
from gradverify.laws import laws_named

(DERIVATIVE,) = laws_named("pullback_is_the_derivative")
BY = gv.Sampling()


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
    assert verdict.notes[0].startswith("zero at this point; not zero, and right,")
    wrong = subject(mse, lambda g, x, t: vjp(g, x, t, 3.0), x=here, t=here)
    assert gv.examine(DERIVATIVE, wrong, by=BY).status == "UNDECIDED"
