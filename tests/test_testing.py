"""``suite`` as a user meets it: one test for each law, readable failures, reasons for whatever is left out."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mutants import GRADIENT

import gradverify as gv
from gradverify import nn, testing
from gradverify.laws import SPECS, laws_of

pytest_plugins = ["pytester"]

LAYERS = """
import numpy as np

def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)

def softmax_vjp(g, x):
    p = softmax(x)
    return p * (g - (g * p).sum(axis=-1, keepdims=True))

def forgetful(g, x):
    return g * softmax(x)
"""
IMPORTS = "import numpy as np\nimport gradverify as gv\nfrom layers import softmax, softmax_vjp, forgetful\n"
QUICK = ("-p", "no:cacheprovider", "--gv-profile=quick")


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax_vjp(g, x):
    return softmax(x) * (g - (g * softmax(x)).sum(axis=-1, keepdims=True))


@pytest.fixture
def project(pytester):
    """A project beside this one: a module of layers, and tests of one line each."""
    pytester.makepyfile(layers=LAYERS)
    pytester.syspathinsert()

    def run(lines, *options):
        pytester.makepyfile(test_layers=IMPORTS + lines)
        return pytester.runpytest("-rA", *QUICK, *options)

    return run


def laws_in(spec):
    """How many laws of the spec speak of a softmax with a vjp."""
    return sum(not law.missing(nn.softmax) for law in laws_of(spec))


def names(test):
    (mark,) = (m for m in test.pytestmark if m.name == "parametrize")
    return [p.id for p in mark.args[1]]


# -- what is collected ------------------------------------------------------------------------------


def test_one_line_is_one_test_for_each_law_named_by_it(project):
    result = project('test_softmax = gv.suite(softmax, vjp=softmax_vjp, spec="softmax", inputs=gv.Box("n k"))')
    laws = [law.name for law in laws_of("softmax") if not law.missing(nn.softmax)]
    result.assert_outcomes(passed=len(laws))
    for law in laws:
        result.stdout.fnmatch_lines([f"PASSED test_layers.py::test_softmax[[]{law}[]]"])


def test_a_test_stands_on_its_line_of_the_user_s_file_and_says_its_laws():
    test = gv.suite(softmax, vjp=softmax_vjp, inputs=gv.Box("n k"))
    assert test.__code__.co_filename == __file__
    assert "test = gv.suite(" in Path(__file__).read_text().splitlines()[test.__code__.co_firstlineno - 1]
    assert "pullback_is_linear: pullback(x, v + a w) = pullback(x, v) + a pullback(x, w)" in test.__doc__


@pytest.mark.parametrize(("keywords", "laws"), [
    ({"laws": "pullback_is_linear"}, ["pullback_is_linear"]),
    ({"laws": ("shape_and_dtype_are_kept", "pullback_is_linear")}, ["shape_and_dtype_are_kept", "pullback_is_linear"]),
])  # fmt: skip
def test_laws_may_be_chosen(keywords, laws):
    assert names(gv.suite(softmax, vjp=softmax_vjp, inputs=gv.Box("n k"), **keywords)) == laws


def test_several_subjects_and_a_network_with_its_parts_are_named_apart():
    several = names(gv.suite((nn.tanh, nn.relu), laws="pullback_is_linear"))
    assert several == ["tanh-pullback_is_linear", "relu-pullback_is_linear"]
    whole = names(gv.suite(nn.network((4, 3, 2))))
    subjects = list(dict.fromkeys(name.rpartition("-")[0] for name in whole))
    assert subjects == ["network(4-3-2)", "linear", "relu", "cross_entropy_one_hot"]
    assert "network(4-3-2)-hidden_units_are_balanced" in whole
    assert "relu-hidden_units_are_balanced" not in whole


@pytest.mark.parametrize("form", [
    {"vjp": softmax_vjp}, {"jvp": lambda u, x: softmax(x) * (u - (u * softmax(x)).sum(-1, keepdims=True))},
])  # fmt: skip
def test_the_laws_are_those_that_the_rules_allow(form):
    tested = names(gv.suite(softmax, inputs=gv.Box("n k"), **form))
    assert ("pullback_is_the_derivative" in tested) == ("vjp" in form)
    assert ("pushforward_is_the_derivative" in tested) == ("jvp" in form)


def test_other_forms_of_derivative_are_taken_as_check_takes_them(project):
    result = project(
        "test_grad = gv.suite(lambda x: (x * x).sum(), grad=lambda x: 2 * x, hess=lambda x: 2 * np.eye(x.size),\n"
        "                     inputs=gv.Box('n'), name='squares')\n"
        "test_course = gv.suite(lambda x: (2 * x, None), backward=lambda g, cache: 2 * g, inputs=gv.Box('n'))\n"
        "test_here = gv.suite(np.sin, vjp=lambda g, x: g * np.cos(x), inputs=np.array([0.3, 1.0]))\n"
    )
    assert result.parseoutcomes().keys() == {"passed"}
    result.stdout.fnmatch_lines(["PASSED *test_grad[[]the gradient of squares-pullback_is_the_derivative[]]"])


def test_a_suite_stands_in_a_class_as_well(project):
    result = project("class TestLayers:\n    test_tanh = gv.suite(gv.nn.tanh, laws='pullback_is_linear')\n")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["PASSED test_layers.py::TestLayers::test_tanh[[]pullback_is_linear[]]"])


@pytest.mark.parametrize("op", nn.OPS, ids=lambda op: op.name)
def test_every_operation_of_nn_passes_with_its_spec(op, project):
    assert op.spec in {*SPECS, ""}
    result = project(f"test_op = gv.suite(gv.nn.{op.name})")
    laws = [law for law in laws_of(op.spec) if not law.missing(op)]
    result.assert_outcomes(passed=len(laws))


@pytest.mark.parametrize("spec", SPECS)
def test_every_spec_is_promised_by_an_operation_the_network_or_a_gradient(spec):
    assert any(subject.spec == spec for subject in (*nn.OPS, nn.network((3, 2)), GRADIENT))


def test_a_network_and_its_parts_pass(project):
    result = project("test_net = gv.suite(gv.nn.network((4, 3, 2)))")
    assert result.parseoutcomes().keys() == {"passed"}
    result.stdout.fnmatch_lines(["PASSED *test_net[[]network(4-3-2)-hidden_units_are_balanced[]]"])


# -- what a failure says ----------------------------------------------------------------------------


def test_a_failure_says_subject_law_and_what_on_its_first_line_then_the_input_and_nothing_of_ours(project, pytester):
    result = project('test_wrong = gv.suite(softmax, vjp=forgetful, inputs=gv.Box("n k"))')
    lines = result.outlines
    title = next(n for n, line in enumerate(lines) if "test_wrong[pullback_is_the_derivative]" in line)
    told = lines[title + 1 : next(n for n in range(title, len(lines)) if lines[n].startswith("===="))]
    assert re.fullmatch(
        r"softmax FAILS pullback_is_the_derivative: [a-z, -]+; at x\[\d, \d\]: claimed -?[\d.]+, expected -?[\d.]+ "
        r"\(to within [\d.e-]+; [\de-]+ of it would have been seen\)",
        told[0],
    )
    assert told[1] == "  the law: <pullback(x, v), u> = <v, Df(x) u>"
    again = next(line for line in told if line.startswith("  again: "))
    assert told[-1].startswith("  found by Search among ")
    assert not any(word in "\n".join(told) for word in ("Traceback", "gradverify/", "testing.py", "def test"))
    assert any(line.startswith("FAILED test_layers.py::test_wrong") and "LawBroken: so" in line for line in lines)
    pasted = subprocess.run(
        [sys.executable, "-c", again.removeprefix("  again: ")],
        cwd=pytester.path, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "gradverify._errors.LawBroken" in pasted.stderr
    assert told[0].partition(" at ")[2] in pasted.stderr


def test_one_root_cause_is_one_failure_and_what_rests_on_it_is_skipped_with_that_reason(project):
    result = project('test_wrong = gv.suite(softmax, vjp=forgetful, spec="softmax", inputs=gv.Box("n k"))')
    result.assert_outcomes(failed=1, skipped=3, passed=laws_in("softmax") - 4)
    result.stdout.fnmatch_lines([
        "SKIPPED *a_shift_leaves_no_trace: not judged: it rests on pullback_is_the_derivative, which fails"
    ])  # fmt: skip


def test_a_law_chosen_alone_is_judged_even_where_it_rests_on_one_that_fails(project):
    line = 'test_wrong = gv.suite(softmax, vjp=forgetful, spec="softmax", inputs=gv.Box("n k"))'
    result = project(line, "-k", "leaves_no_trace")
    result.assert_outcomes(failed=1, deselected=laws_in("softmax") - 1)


def test_a_derivative_left_undecided_fails_and_says_why(project):
    result = project("test_one = gv.suite(softmax, vjp=softmax_vjp, inputs=np.array([[1.0], [2.0]]))")
    assert result.parseoutcomes()["failed"] == 1
    why = "x (float64): the derivative is zero at every point tried, so a wrong factor could not be seen"
    result.stdout.fnmatch_lines([
        f"softmax UNDECIDED pullback_is_the_derivative: {why} (by Search, 1 point in float64, seed 0)"
    ])  # fmt: skip


def test_a_law_of_the_spec_left_undecided_fails_and_another_is_skipped_with_its_reason(project):
    line = (
        "test_{} = gv.suite(lambda x: x * np.nan, vjp=softmax_vjp, inputs=np.ones((2, 3)), name='nan',\n"
        "                   laws='softmax_ignores_a_shift'{})\n"
    )
    result = project(line.format("loose", "") + line.format("bound", ", spec='softmax'"))
    result.assert_outcomes(failed=1, skipped=1)
    result.stdout.fnmatch_lines(
        ["SKIPPED *nan UNDECIDED softmax_ignores_a_shift: nan is not finite at the given inputs"]
    )
    result.stdout.fnmatch_lines(["nan UNDECIDED softmax_ignores_a_shift: nan is not finite * (by Search, *"])


def test_the_seed_is_the_suite_s_own_or_pytest_s(project):
    line = 'test_wrong = gv.suite(softmax, vjp=forgetful, inputs=gv.Box("n k"), laws="pullback_is_the_derivative"{})'
    result = project(line.format(""), "--gv-seed=7")
    result.stdout.fnmatch_lines(["  found by * (seed 7)"])
    result = project(line.format(", seed=3"), "--gv-seed=7")
    result.stdout.fnmatch_lines(["  found by * (seed 3)"])


def test_a_method_may_be_chosen(project):
    result = project(
        'test_s = gv.suite(softmax, vjp=softmax_vjp, inputs=gv.Box("n k"), by=gv.Sampling(points=2),\n'
        '                  laws="pullback_is_linear")\n'
        'test_f = gv.suite(softmax, vjp=lambda g, x: abs(g), inputs=gv.Box("n k"), by=gv.Sampling(points=2),\n'
        '                  laws="pullback_is_linear")\n'
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["  found by Sampling among 1 point in float64 (seed 0)"])


# -- what is left out, and why ----------------------------------------------------------------------


def test_a_law_is_skipped_by_name_with_a_reason_and_so_is_what_rests_on_it(project):
    result = project(
        'test_it = gv.suite(softmax, vjp=forgetful, inputs=gv.Box("n k"),\n'
        '                   skip={"pullback_is_the_derivative": "a surrogate gradient, on purpose"})'
    )
    assert result.parseoutcomes() == {"passed": laws_in("") - 2, "skipped": 2}
    result.stdout.fnmatch_lines([
        "SKIPPED *: a surrogate gradient, on purpose",
        "SKIPPED *: it rests on pullback_is_the_derivative, which is skipped: a surrogate gradient, on purpose",
    ])  # fmt: skip


def test_a_test_of_one_subject_among_several_is_named_as_pytest_shows_it(project):
    line = 'test_two = gv.suite((gv.nn.tanh, gv.nn.relu), laws="pullback_is_linear", skip={"%s": "why not"})'
    assert project(line % "relu-pullback_is_linear").parseoutcomes() == {"passed": 1, "skipped": 1}
    assert project(line % "pullback_is_linear").parseoutcomes() == {"skipped": 2}


def test_an_expected_failure_is_one_and_an_unexpected_success_is_a_failure(project):
    line = (
        'test_it = gv.suite(softmax, vjp={}, inputs=gv.Box("n k"), xfail={{"pullback_is_the_derivative": "issue 7"}})'
    )
    outcomes = project(line.format("forgetful")).parseoutcomes()
    assert outcomes == {"passed": laws_in("") - 2, "skipped": 1, "xfailed": 1}
    result = project(line.format("softmax_vjp"))
    assert result.parseoutcomes() == {"passed": laws_in("") - 1, "failed": 1}
    result.stdout.fnmatch_lines([
        "softmax HOLDS pullback_is_the_derivative, which was expected to fail (issue 7); take it out of xfail="
    ])  # fmt: skip


def test_an_expected_failure_that_is_undecided_is_a_failure(project):
    result = project(
        "test_it = gv.suite(lambda x: x * np.nan, vjp=softmax_vjp, inputs=np.ones((2, 3)), name='nan',\n"
        "                   laws='pullback_is_linear', xfail={'pullback_is_linear': 'issue 7'})"
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["nan UNDECIDED pullback_is_linear, which was expected to fail (issue 7); *"])


@pytest.mark.parametrize(("keywords", "message"), [
    ({"skip": {"pullback_is_linar": "why"}}, r"skip={'pullback_is_linar': ...}: no such law is tested here; did you "),
    ({"xfail": {"nothing": "why"}}, r"xfail={'nothing': ...}: no such law is tested here; choose from same_answer_t"),
    ({"skip": {"pullback_is_linear": ""}}, r"skip={'pullback_is_linear': ''}: say why, in a sentence that others will"),
    ({"skip": {"pullback_is_linear": True}}, r"skip={'pullback_is_linear': True}: say why"),
    ({"laws": "pullback_is_linar"}, "did you mean 'pullback_is_linear'"),
    ({"spec": "soft"}, "spec='soft' is not known"),
    ({"laws": "pushforward_is_the_derivative"}, "softmax claims no jvp, which pushforward_is_the_derivative is about"),
    ({"seed": -1}, "seed=-1: give a whole number >= 0"), ({"seed": "random"}, "seed='random': give a whole number"),
    ({"vjp": None}, "softmax claims no derivative; give one of vjp=, jvp="),
    ({"inputs": "n k"}, "x is a str; give an array of numbers, or a Box"),
])  # fmt: skip
def test_misuse_is_said_at_once(keywords, message):
    given = {"vjp": softmax_vjp, "inputs": gv.Box("n k")} | keywords
    with pytest.raises(gv.Misuse, match=message):
        gv.suite(softmax, **given)


def test_nothing_to_test_is_misuse():
    with pytest.raises(gv.Misuse, match=r"suite\(\(\)\): there is nothing to test"):
        gv.suite(())


# -- how it is judged -------------------------------------------------------------------------------


class Config:
    """What a suite asks of pytest's configuration."""

    def __init__(self, **options):
        self.options = options

    def getoption(self, name, default=None):
        return self.options.get(name, default)


def test_all_laws_of_a_subject_are_judged_in_one_survey_and_only_those_that_will_run():
    calls = []

    def counted(x):
        calls.append(1)
        return softmax(x)

    whole = gv.suite(counted, vjp=softmax_vjp, inputs=gv.Box("n k"), name="softmax").gradverify
    first, *rest = whole.cases
    assert whole.verdict(first, Config())[0].status == "HOLDS"
    made = len(calls)
    assert all(whole.verdict(case, Config())[0].law == case.law.name for case in rest)
    assert len(calls) == made
    whole = gv.suite(counted, vjp=softmax_vjp, inputs=gv.Box("n k"), name="softmax").gradverify
    whole.wanted.add(whole.cases[2].name)
    whole.verdict(whole.cases[2], Config())
    assert set(whole.known) == {whole.cases[2].name}


def test_a_profile_says_how_hard_is_searched():
    points = {}
    for profile in (None, *testing.PROFILES):
        whole = gv.suite(softmax, vjp=softmax_vjp, inputs=gv.Box("n k"), laws="pullback_is_linear").gradverify
        verdict, seed = whole.verdict(whole.cases[0], Config(gv_profile=profile))
        assert (verdict.status, seed) == ("HOLDS", 0)
        points[profile] = int(verdict.scope.split()[0])
    assert points["quick"] == 16
    assert points["quick"] < points["ci"] == points[None] < points["thorough"]
    assert testing.PROFILES["ci"].settings.database is None
    assert testing.PROFILES["ci"].settings.derandomize


def test_the_state_of_the_global_generator_is_the_same_afterwards():
    whole = gv.suite(softmax, vjp=softmax_vjp, inputs=gv.Box("n k"), laws="pullback_is_linear").gradverify
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    whole.verdict(whole.cases[0], Config())
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
