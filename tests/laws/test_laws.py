"""Every law catches its mutant, and none accuses right code, however hard."""

from __future__ import annotations

import pytest
from mutants import GRADIENT, MUTANTS, NETWORK, RIGHT_BUT_HARD

import gradverify as gv
from gradverify import nn
from gradverify.laws import LAWS, SPECS, laws_named, laws_of

BY = gv.Sampling(smallest=False)


def test_every_law_has_a_mutant():
    assert set(MUTANTS) == {law.name for law in LAWS}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_a_law_catches_its_mutant_and_says_where(law):
    verdict = gv.examine(law, MUTANTS[law.name], by=BY)
    assert verdict.status == "FAILS", verdict
    (finding,) = verdict.findings
    assert finding.law == law.name
    assert finding.claimed != finding.expected
    assert finding.witness


RIGHT = {
    "pushforward_is_the_derivative": MUTANTS["pushforward_is_the_derivative"],
    "hidden_units_are_balanced": NETWORK,
}


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_a_law_holds_on_the_right_operations_that_promise_it(law):
    specs = {name for name, laws in SPECS.items() if law in laws}
    able = [op for op in (*nn.OPS, NETWORK, GRADIENT) if not law.missing(op)]
    ops = [op for op in able if op.spec in specs or law in laws_of("")]
    verdicts = [gv.examine(law, op, by=BY) for op in ops]
    assert all(v.status != "FAILS" for v in verdicts)
    # A saturated network's tiny gradients stay the same beside a point: too blunt to tell there from stale ones.
    told = [v for v in verdicts if not (law.name == "pullback_remembers_nothing" and v.subject == NETWORK.name)]
    assert [v.status for v in told] == ["HOLDS"] * len(told)
    assert ops or "jvp" in law.needs
    assert all(v.decisive > 0 for v in verdicts)


@pytest.mark.parametrize("factor", [1.0])
def test_right_forward_rules_hold_under_their_two_laws(factor):
    from mutants import forward_rule

    for law in laws_named(("pushforward_is_the_derivative", "pullback_is_the_adjoint")):
        assert gv.examine(law, forward_rule(factor), by=BY).status == "HOLDS"


@pytest.mark.parametrize("seed", range(3))
def test_right_but_hard_code_is_never_accused_and_mostly_decided(seed):
    reports = [gv.check(subject, seed=seed) for subject in RIGHT_BUT_HARD]
    assert [str(r) for r in reports if r.status == "FAILS"] == []
    assert sum(r.status == "HOLDS" for r in reports) >= len(reports) - 1


def test_softmax_jacobian_rows_sum_to_zero_names_the_unbalanced_argument_nowhere_else():
    verdict = gv.examine(laws_named("a_shift_leaves_no_trace")[0], MUTANTS["a_shift_leaves_no_trace"], by=BY)
    assert verdict.findings[0].cause == "every row moved by a constant"


def test_a_bias_gradient_doubled_breaks_the_balance():
    def doubled(g, *inputs):
        out = list(NETWORK.vjp(g, *inputs))
        out[3] = 2 * out[3]
        return tuple(out)

    import dataclasses

    mutant = dataclasses.replace(NETWORK, vjp=doubled)
    verdict = gv.examine(laws_named("hidden_units_are_balanced")[0], mutant, by=BY)
    assert verdict.status == "FAILS"
    assert "hidden layer 1" in verdict.findings[0].argument


@pytest.mark.parametrize(("text", "message"), [
    ("def nameless(f, x): yield 1", "a law's docstring is its statement"),
    ("def odd(f, x, q):\n    '''q'''\n    yield 1", "q quantifies nothing; use f x y u v w a D"),
])  # fmt: skip
def test_a_law_needs_a_statement_and_known_quantifiers(text, message):
    space: dict = {}
    exec(text, space)
    (function,) = (v for k, v in space.items() if not k.startswith("__"))
    with pytest.raises(TypeError, match=message):
        gv.law(function)
