"""Hypothesis searches: every point within the domain, the same for the same seed, shrunk, remembered, and counted."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
import subprocess
import sys

import hypothesis
import numpy as np
import pytest
from hypothesis.database import InMemoryExampleDatabase
from mutants import MUTANTS, NETWORK

import gradverify as gv
from gradverify import nn
from gradverify.faults import fault
from gradverify.floats import EFFORT
from gradverify.laws import LAWS, laws_named
from gradverify.points import KINDS

(DERIVATIVE,) = laws_named("pullback_is_the_derivative")
BY = gv.Search()


def sine(vjp=lambda g, x: g * np.cos(x), f=np.sin, **more):
    return gv.Subject("sine", f, gv.Domain({"x": gv.Box("n k")}), vjp=vjp, **more)


def recording(domain, **more):
    """A subject that is right, and the list of every input it has been handed."""
    seen = []

    def value(*inputs):
        seen.append(tuple(np.array(a) for a in inputs))
        return sum((a * a).sum() for a in inputs if a.dtype.kind == "f")

    def vjp(g, *inputs):
        return tuple(2 * g * a if a.dtype.kind == "f" else None for a in inputs)

    return gv.Subject("squares", value, domain, vjp=vjp, **more), seen


def points_of(subject, by=BY, seed=0):
    """The inputs of every trial that the method brings."""

    class Notebook:
        open = ("a law",)

        def __init__(self):
            self.trials = []

        def judge(self, trial):
            self.trials.append(trial)
            return ()

    notebook = Notebook()
    by.drive(subject, seed, notebook)
    return notebook.trials


def plain(verdict):
    return dataclasses.replace(verdict, seconds=0.0)


# -- what is found ----------------------------------------------------------------------------------


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_a_law_catches_its_mutant(law):
    verdict = gv.examine(law, MUTANTS[law.name], by=BY)
    assert (verdict.status, verdict.by) == ("FAILS", "Search"), verdict
    (finding,) = verdict.findings
    assert finding.law == law.name
    assert finding.claimed != finding.expected


@pytest.mark.parametrize("op", nn.OPS, ids=lambda op: op.name)
def test_every_law_of_a_right_operation_holds_and_is_decided(op):
    report = gv.check(op, by=BY)
    assert report.status == "HOLDS", str(report)
    assert all(v.status == "HOLDS" for v in report.verdicts)
    for v in report.verdicts:
        assert v.decisive > 0.5 * v.trials
        assert re.match(r"3\d points|4\d points", v.scope), "of 15 kinds two, and every type and option at the first"


def test_what_is_found_is_small_and_pastes_back():
    subject = dataclasses.replace(nn.softmax, vjp=lambda g, x: nn.softmax(x) * g, call="wrong")
    (finding,) = gv.examine(DERIVATIVE, subject, by=BY).findings
    (x,), (v,) = finding.inputs, finding.cotangent
    assert np.count_nonzero(x) <= 1
    assert np.count_nonzero(v) == 1
    assert set(np.abs(x[x != 0])) | set(np.abs(v[v != 0])) == {1.0}
    with pytest.raises(gv.LawBroken, match=re.escape(f"at {finding.place}: claimed")):
        exec(finding.witness, {"wrong": subject})


def test_a_fault_in_one_type_is_shown_in_that_type_and_one_in_all_types_in_the_plain_one():
    one = fault("wrong in float32 only").apply(nn.tanh)
    assert gv.examine(DERIVATIVE, one, by=BY).findings[0].dtype == "float32"
    every = fault("twice too large").apply(nn.tanh)
    assert gv.examine(DERIVATIVE, every, by=BY).findings[0].dtype == "float64"


def test_a_law_that_breaks_later_at_the_same_kind_of_points_is_found_too():
    """At the plain point of a kind one law breaks, at a searched one of that kind another: neither hides the other."""

    def rough(x):
        return x.shape != (3, 4) and np.abs(x).max(initial=0.0) < 5

    def vjp(g, x):
        return g.astype(np.float32) if x.shape == (3, 4) else g * np.sign(g) if rough(x) else g * 1.0

    subject = sine(vjp, f=lambda x: x * 1.0)
    verdicts = gv.check(subject, by=gv.Search(examples=6), laws=("shape_and_dtype_are_kept", "pullback_is_linear"))
    assert [v.status for v in verdicts.verdicts] == ["FAILS", "FAILS"]


def test_numbers_written_where_only_hypothesis_looks_are_tried(tmp_path):
    numbers = [16 + n / 128 for n in range(200)]
    file = tmp_path / "branches.py"
    file.write_text(f"class Limits:\n    kept = {{'top': {numbers}}}\n")
    spec = importlib.util.spec_from_file_location("branches", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules["branches"] = module
    try:
        spec.loader.exec_module(module)
        subject, _ = recording(gv.Domain({"x": gv.Box("n k")}))
        values = {float(v) for t in points_of(subject, gv.Search(examples=60)) for v in np.ravel(t.x[0])}
    finally:
        del sys.modules["branches"]
    assert values & set(numbers)


# -- which points -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_every_point_lies_in_the_domain(dtype):
    low = np.array([-2.0, 0.1, 1e-3, -np.inf])
    boxes = {
        "x": gv.Box("n 4", low=low, high=np.array([3.0, 0.2, np.inf, -1.0])), "t": gv.Box("n k", kind="one-hot"),
        "p": gv.Box("n k", kind="simplex"), "i": gv.Box("n", kind="index", high="k"), "s": gv.Box("n", kind="sign"),
        "m": gv.Box("n", kind="mask"), "w": gv.Box("k"),
    }  # fmt: skip
    subject, _ = recording(gv.Domain(boxes, {"n": (1, 6), "k": (2, 7)}), dtypes=(dtype,))
    trials = points_of(subject, gv.Search(examples=10))
    assert len(trials) == 10 * len(KINDS)
    for x, t, p, i, s, m, w in (trial.x.parts for trial in trials):
        k = len(w)
        assert {a.dtype.name for a in (x, t, p, s, w)} == {dtype}
        assert np.all((x >= low.astype(dtype)) & (x <= np.array([3.0, 0.2, np.inf, -1.0]).astype(dtype)))
        assert t.shape == p.shape == (len(x), k)
        assert 1 <= len(x) <= 6
        assert 2 <= k <= 7
        assert np.array_equal(np.sort(t, -1), np.sort(np.eye(k)[np.zeros(len(x), int)], -1))
        assert np.all(p.astype(float).sum(-1) == 1)
        assert np.all((i >= 0) & (i < k))
        assert set(s.tolist()) <= {-1.0, 1.0}
        assert m.dtype == bool
        size = np.abs(np.concatenate([x.ravel(), w]))
        assert np.all(np.isfinite(size))
        assert dtype == "float16" or np.all((size == 0) | (size >= np.finfo(dtype).smallest_normal))
    shapes = {trial.x[1].shape for trial in trials}
    assert len(shapes) > 10
    assert any(not trial.x[1].flags.c_contiguous for trial in trials)


def test_the_first_of_each_kind_is_the_plain_one():
    trials = points_of(nn.tanh, gv.Search(examples=1))
    assert [t.where for t in trials] == [KINDS[0].name, *(kind.name for kind in KINDS)]
    assert [t.cell for t in trials[:3]] == ["float64", "float32", "float64"]


def test_every_type_with_every_option_is_decided_before_a_law_holds():
    verdict = gv.examine(DERIVATIVE, nn.leaky_relu, by=BY)
    assert verdict.scope.endswith(
        "float64, slope=0.01 / float64, slope=0.25 / float32, slope=0.01 / float32, slope=0.25"
    )


def test_the_seed_decides_every_point_and_another_gives_others():
    def drawn(seed):
        return [t.x.parts for t in points_of(nn.cross_entropy, seed=seed)]

    once, twice, other = drawn(3), drawn(3), drawn(4)
    assert all(np.array_equal(a, b) for x, y in zip(once, twice, strict=True) for a, b in zip(x, y, strict=True))
    assert sum(a.shape != b.shape or not np.array_equal(a, b) for (a, _), (b, _) in zip(once, other, strict=True)) > 5
    assert list(map(plain, gv.check(nn.softmax, by=BY, seed=3).verdicts)) == list(
        map(plain, gv.check(nn.softmax, by=BY, seed=3).verdicts)
    )


def test_inputs_that_are_given_are_the_only_point_as_under_sampling():
    subject = sine(lambda g, x: g * np.cos(x) * 1.01)
    given = dataclasses.replace(subject, domain=gv.Domain({"x": gv.At(np.array([0.3, -1.0]))}))
    searched, sampled = (gv.examine(DERIVATIVE, given, by=by) for by in (BY, gv.Sampling()))
    assert searched.scope == sampled.scope == "1 point in float64"
    assert (searched.status, searched.trials) == ("FAILS", sampled.trials)
    assert np.array_equal(searched.findings[0].inputs[0], [0.3, -1.0]), "given inputs stay as they are"


# -- what is counted --------------------------------------------------------------------------------


def test_points_tried_while_shrinking_count_for_nothing():
    verdict = gv.examine(DERIVATIVE, fault("twice too large").apply(nn.tanh), by=BY)
    assert (verdict.scope, verdict.trials, verdict.decisive) == ("1 point in float64", 1, 0)


def test_shrinking_costs_no_more_than_its_allowance():
    calls = []
    wrong = dataclasses.replace(
        MUTANTS["hidden_units_are_balanced"], value=lambda *x: calls.append(1) or NETWORK.value(*x)
    )
    assert gv.examine(DERIVATIVE, wrong, by=BY).status == "FAILS"
    assert len(calls) < 2 * EFFORT  # a quarter for Hypothesis, ours, and the last point of each, which runs to its end


def test_a_budget_ends_the_search_between_points():
    verdict = gv.examine(DERIVATIVE, nn.tanh, by=BY, budget=1)
    assert (verdict.scope, verdict.notes) == ("1 point in float64", ("stopped: the budget was spent",))


@pytest.mark.parametrize("examples", [0, -1, 2.0, True])
def test_a_number_of_examples_that_is_none_is_misuse(examples):
    with pytest.raises(gv.Misuse, match=r"Search\(examples=.*\): give a whole number of points of each kind, 1 or mo"):
        gv.Search(examples=examples)


# -- what is remembered -----------------------------------------------------------------------------


def rarely(right=False):
    """Wrong only at one size, which the plain points do not have; made afresh each time, as in a closure."""

    def vjp(g, x):
        return g * np.cos(x) * (1.0 if right or x.shape[-1] != 2 else 1.5)

    return sine(vjp)


def remembering(database, examples):
    return gv.Search(examples, settings=hypothesis.settings(derandomize=False, database=database))


def test_what_broke_before_is_tried_first_whatever_the_seed():
    database = InMemoryExampleDatabase()
    hard, easy = remembering(database, 8), remembering(database, 1)
    assert gv.examine(DERIVATIVE, rarely(), by=easy, seed=5).status == "HOLDS"
    found = gv.examine(DERIVATIVE, rarely(), by=hard, seed=0)
    assert found.status == "FAILS"
    again = gv.examine(DERIVATIVE, rarely(), by=easy, seed=5)
    assert again.status == "FAILS"
    assert again.findings[0].where == found.findings[0].where
    assert gv.examine(DERIVATIVE, rarely(), by=remembering(None, 1), seed=5).status == "HOLDS"


def test_what_was_repaired_is_forgotten():
    database = InMemoryExampleDatabase()
    hard = remembering(database, 8)
    assert gv.examine(DERIVATIVE, rarely(), by=hard).status == "FAILS"
    assert any(database.data.values())
    assert gv.examine(DERIVATIVE, rarely(right=True), by=hard).status == "HOLDS"
    assert not any(database.data.values())


def test_a_run_without_the_law_that_broke_neither_tries_nor_forgets_it():
    database = InMemoryExampleDatabase()
    hard, easy = remembering(database, 8), remembering(database, 1)
    assert gv.examine(DERIVATIVE, rarely(), by=hard).status == "FAILS"
    kept = {key: set(values) for key, values in database.data.items() if values}
    assert gv.examine(laws_named("pullback_is_linear")[0], rarely(), by=hard).status == "HOLDS"
    assert {key: set(values) for key, values in database.data.items() if values} == kept
    assert gv.examine(DERIVATIVE, rarely(), by=easy, seed=5).status == "FAILS"


@pytest.mark.parametrize("kept", [
    b"no json", b"{}", b"[]", b'["moderate values", 0]', b'["no such kind", 1, 2]', b"\xff", b"[1]", b'["x", null]',
])  # fmt: skip
def test_what_is_kept_and_makes_no_point_is_forgotten(kept):
    database = InMemoryExampleDatabase()
    assert gv.examine(DERIVATIVE, rarely(), by=remembering(database, 8)).status == "FAILS"
    (key,) = database.data
    (good,) = database.data[key]
    place = json.loads(good)[0]
    for broken in (kept, json.dumps([place]).encode(), json.dumps([place, 1e300, "a"]).encode()):
        database.data[key] = {broken}
        assert gv.examine(DERIVATIVE, rarely(), by=remembering(database, 1), seed=5).status == "HOLDS"
        assert not database.data.get(key)


def test_another_subject_of_the_same_name_keeps_its_own_memory():
    database = InMemoryExampleDatabase()
    hard, easy = remembering(database, 8), remembering(database, 1)
    assert gv.examine(DERIVATIVE, rarely(), by=hard).status == "FAILS"
    other = dataclasses.replace(rarely(right=True), call="another")
    assert gv.examine(DERIVATIVE, other, by=hard).status == "HOLDS"
    assert gv.examine(DERIVATIVE, rarely(), by=easy, seed=5).status == "FAILS"


# -- what goes wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [
    hypothesis.errors.Unsatisfiable("no point\nat all"), hypothesis.errors.FlakyFailure("it changed", [ValueError()]),
    hypothesis.errors.InvalidArgument("min_value > max_value"),
])  # fmt: skip
def test_what_hypothesis_cannot_do_is_undecided_with_its_reason(monkeypatch, capsys, failure):
    def unable(*_, **__):
        raise failure

    monkeypatch.setattr(hypothesis, "find", unable)
    verdict = gv.examine(DERIVATIVE, nn.tanh, by=BY)
    assert verdict.status == "UNDECIDED"
    assert verdict.reason.startswith(f"the search among moderate values could not go on ({type(failure).__name__}: ")
    assert "\n" not in verdict.reason
    assert capsys.readouterr() == ("", "")


def test_what_was_found_before_hypothesis_gave_up_stays(monkeypatch):
    find = hypothesis.find

    def gives_up(*given, **more):
        find(*given, **more)
        raise hypothesis.errors.FlakyFailure("it changed", [ValueError()])

    monkeypatch.setattr(hypothesis, "find", gives_up)
    assert gv.examine(DERIVATIVE, fault("twice too large").apply(nn.tanh), by=BY).status == "FAILS"


def test_code_that_raises_or_answers_at_random_is_judged_as_ever_and_nothing_is_printed(capsys):
    def raises(g, x):
        raise ZeroDivisionError("no gradient today")

    (finding,) = gv.examine(DERIVATIVE, sine(raises), by=BY).findings
    assert finding.claimed == "raised ZeroDivisionError: no gradient today"
    rng = np.random.default_rng(0)
    noisy = gv.examine(DERIVATIVE, sine(f=lambda x: np.sin(x) + rng.standard_normal(x.shape)), by=BY)
    assert noisy.status == "UNDECIDED"
    assert "sine is random: two calls with the same inputs differ" in noisy.reason
    legacy = gv.examine(DERIVATIVE, sine(f=lambda x: np.sin(x) + np.random.rand(*x.shape)), by=BY)  # noqa: NPY002
    assert legacy.status == "UNDECIDED"
    assert "sine is random: two calls with the same inputs differ" in legacy.reason
    assert capsys.readouterr() == ("", "")


def test_an_interruption_passes_through():
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gv.examine(DERIVATIVE, sine(f=interrupted), by=BY)


@pytest.mark.parametrize(("allowed", "status"), [((), "UNDECIDED"), (tuple(hypothesis.HealthCheck), "HOLDS")])
def test_inside_another_search_it_runs_where_hypothesis_allows_that_and_says_where_not(allowed, status):
    verdicts = []

    @hypothesis.settings(max_examples=2, suppress_health_check=allowed)
    @hypothesis.given(hypothesis.strategies.integers(0, 5))
    def inner(seed):
        verdicts.append(gv.examine(DERIVATIVE, nn.tanh, by=gv.Search(examples=1), seed=seed))

    inner()
    assert {v.status for v in verdicts} == {status}
    assert status == "HOLDS" or "Nesting @given tests" in verdicts[0].reason


def test_searching_imports_no_framework():
    code = "import sys, gradverify as gv; gv.check(gv.nn.tanh, by=gv.Search(examples=1)); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = {name.split(".")[0] for name in run.stdout.split()}
    assert {"hypothesis", "numpy"} <= loaded
    assert not loaded & {"torch", "jax", "tensorflow", "pandas", "sklearn", "sympy", "pytest", "django", "redis"}
