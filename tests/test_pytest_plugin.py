"""The plugin under every way pytest is run: workers, selections, reports, warnings as errors; and where no suite is."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from gradverify import nn, pytest_plugin
from gradverify.laws import laws_of

pytest_plugins = ["pytester"]

SUITES = """
import numpy as np
import gradverify as gv

test_tanh = gv.suite(gv.nn.tanh)
test_wrong = gv.suite(np.sin, vjp=lambda g, x: 1.01 * g * np.cos(x), inputs=gv.Box("n"), name="wrong")
"""
OTHERS = """
import pytest

@pytest.fixture
def one():
    return 1

@pytest.mark.parametrize("n", [1, 2])
def test_plain(one, n):
    assert one <= n

class TestCase:
    def test_method(self):
        assert True
"""
TANH, WRONG = (sum(not law.missing(nn.tanh) for law in laws_of(spec)) for spec in (nn.tanh.spec, ""))
TESTS, BROKEN = TANH + WRONG, 1  # of SUITES, and how many of them fail
TOLD = f"{TESTS} verdicts: {max(TANH, WRONG)} laws x 2 subjects"
DERIVATIVE = "test_suites.py::test_wrong[pullback_is_the_derivative]"


@pytest.fixture
def suites(pytester):
    pytester.makepyfile(test_suites=SUITES)
    return pytester


def counted(result):
    return {word: n for word, n in result.parseoutcomes().items() if word in ("passed", "failed", "skipped")}


ALL = {"passed": TESTS - 2, "failed": BROKEN, "skipped": 1}


# -- where suites run -------------------------------------------------------------------------------


def test_the_summary_tells_laws_subjects_decisive_trials_and_the_slowest(suites):
    result = suites.runpytest("--gv-profile=quick", "--gv-seed=4")
    assert counted(result) == ALL
    result.stdout.fnmatch_lines([
        "=* gradverify =*",
        f"{TOLD} (profile quick, seed 4)",
        f"tanh   {TANH} holds; * of * trials decisive; * s",
        f"wrong  {WRONG - 2} holds, 1 fails, 1 undecided; * of * trials decisive; * s",
        "slowest: *pullback_is_the_derivative * s, * s, * s",
    ])  # fmt: skip


def test_the_report_is_one_file_of_every_verdict(suites):
    result = suites.runpytest("--gv-profile=quick", "--gv-report=out/verdicts.json")
    assert counted(result) == ALL
    report = json.loads((suites.path / "out/verdicts.json").read_text())
    assert report["status"] == "FAILS"
    assert len(report["verdicts"]) == TESTS
    (failed,) = [row for row in report["verdicts"] if row["outcome"] == "failed"]
    assert (failed["test"], failed["status"], failed["by"], failed["seed"]) == (DERIVATIVE, "FAILS", "Search", 0)
    (finding,) = failed["findings"]
    assert finding["claimed"] == pytest.approx(1.01 * finding["expected"], rel=1e-9)
    assert [row["test"] for row in report["verdicts"]] == sorted(row["test"] for row in report["verdicts"])
    assert [path.name for path in (suites.path / "out").iterdir()] == ["verdicts.json"]


def test_two_workers_tell_the_same_as_one_process(suites):
    one = suites.runpytest("--gv-profile=quick", "--gv-report=one.json", "--gv-seed=random")
    seed = json.loads((suites.path / "one.json").read_text())["verdicts"][0]["seed"]
    two = suites.runpytest_subprocess(
        "-n", "2", "--gv-profile=quick", "--gv-report=two.json", f"--gv-seed={seed}", "--junitxml=two.xml"
    )
    assert counted(one) == counted(two) == ALL
    two.stdout.fnmatch_lines([f"{TOLD} (profile quick, seed {seed})"])
    first, second = (json.loads((suites.path / name).read_text()) for name in ("one.json", "two.json"))
    for report in (first, second):
        for row in report["verdicts"]:
            del row["seconds"]
    assert first == second
    cases = ET.parse(suites.path / "two.xml").getroot().iter("testcase")
    failures = {case.get("name"): case.find("failure") for case in cases}
    assert len(failures) == TESTS
    message = failures["test_wrong[pullback_is_the_derivative]"].get("message")
    assert message.startswith("LawBroken: wrong FAILS pullback_is_the_derivative: a constant factor is wrong; at x[")


def test_a_random_seed_is_one_for_all_workers_and_is_told(suites):
    result = suites.runpytest_subprocess("-n", "2", "--gv-profile=quick", "--gv-seed=random", "--gv-report=r.json")
    (seed,) = {row["seed"] for row in json.loads((suites.path / "r.json").read_text())["verdicts"]}
    result.stdout.fnmatch_lines([f"{TOLD} (profile quick, seed {seed})"])
    assert seed > 0


def test_tests_are_chosen_by_name_and_by_marker(suites):
    assert counted(suites.runpytest("-k", "tanh and linear", "--gv-profile=quick")) == {"passed": 1}
    suites.makepyfile(test_others=OTHERS)
    marked = suites.runpytest("-m", "gradverify", "--strict-markers", "--gv-profile=quick")
    assert counted(marked) == ALL
    assert counted(suites.runpytest("-m", "not gradverify")) == {"passed": 3}
    assert counted(suites.runpytest(DERIVATIVE, "--gv-profile=quick")) == {"failed": 1}


def test_what_failed_last_runs_again_alone(suites):
    assert counted(suites.runpytest("--gv-profile=quick")) == ALL
    again = suites.runpytest("--lf", "--gv-profile=quick")
    assert counted(again) == {"failed": 1}
    again.stdout.fnmatch_lines(["1 verdict: 1 law x 1 subject (profile quick, seed 0)"])


def test_warnings_may_be_errors_and_markers_strict(suites):
    result = suites.runpytest_subprocess("-W", "error", "--strict-markers", "--strict-config", "--gv-profile=quick")
    assert counted(result) == ALL
    assert "Warning" not in result.stdout.str() + result.stderr.str()


@pytest.mark.parametrize(("options", "seed"), [
    (("--hypothesis-seed=11",), 11), (("--hypothesis-seed=11", "--gv-seed=5"), 5), ((), 0),
    (("--hypothesis-seed=word",), int.from_bytes(b"word", "big")), (("--gv-seed=0", "--hypothesis-seed=3"), 0),
])  # fmt: skip
def test_the_seed_of_hypothesis_is_ours_unless_ours_is_given(suites, options, seed):
    result = suites.runpytest_subprocess("-k", "tanh and linear", "--gv-profile=quick", *options)
    result.stdout.fnmatch_lines([f"1 verdict: 1 law x 1 subject (profile quick, seed {seed})"])


@pytest.mark.parametrize(("option", "message"), [
    ("--gv-seed=-1", "*--gv-seed: invalid * value: '-1'*"), ("--gv-seed=x", "*--gv-seed: invalid * value: 'x'*"),
    ("--gv-profile=slow", "*--gv-profile: invalid choice: 'slow' (choose from *quick*, *ci*, *thorough*)*"),
])  # fmt: skip
def test_options_that_mean_nothing_are_refused(suites, option, message):
    result = suites.runpytest(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


CI = ("CI", "TF_BUILD", "BUILDKITE", "CIRCLECI", "CIRRUS_CI", "CODEBUILD_BUILD_ID", "GITHUB_ACTIONS", "GITLAB_CI")


def test_what_broke_is_tried_first_in_the_next_run(pytester, monkeypatch):
    for name in CI:  # there Hypothesis keeps no database
        monkeypatch.delenv(name, raising=False)
    pytester.makepyfile(
        test_rare="""
import numpy as np
import gradverify as gv

def rare(g, x):
    return g * np.cos(x) * (1.5 if x.shape[-1] == 2 else 1.0)

test_rare = gv.suite(np.sin, vjp=rare, inputs=gv.Box("n k"), laws="pullback_is_the_derivative", name="rare")
"""
    )
    database = "-p", "no:cacheprovider"
    assert counted(pytester.runpytest_subprocess(*database, "--gv-profile=quick")) == {"passed": 1}
    assert counted(pytester.runpytest_subprocess(*database, "--gv-profile=thorough")) == {"failed": 1}
    assert counted(pytester.runpytest_subprocess(*database, "--gv-profile=quick")) == {"failed": 1}


def test_without_the_plugin_the_tests_are_the_same(suites):
    result = suites.runpytest_subprocess("-p", "no:gradverify", "-W", "error", "--strict-markers", "-k", "linear")
    assert counted(result) == {"passed": 2}
    assert "= gradverify =" not in result.stdout.str()


# -- where none do ----------------------------------------------------------------------------------


def test_a_run_without_suites_is_left_alone(pytester):
    pytester.makepyfile(test_others=OTHERS)
    plain = pytester.runpytest_subprocess("-p", "no:gradverify", "-rA")
    with_plugin = pytester.runpytest_subprocess("-rA")

    def told(result):
        return [line for line in result.outlines if not line.startswith(("plugins:", "=")) and line]

    assert counted(with_plugin) == {"passed": 3}
    assert told(with_plugin) == told(plain)
    assert "gradverify" not in "\n".join(told(with_plugin))


def test_a_report_that_is_asked_for_is_written_though_nothing_ran(pytester):
    pytester.makepyfile(test_others=OTHERS)
    pytester.runpytest("--gv-report=none.json")
    assert json.loads((pytester.path / "none.json").read_text()) == {"status": "UNDECIDED", "verdicts": []}


def test_loading_the_plugin_loads_nothing_else_of_ours_and_nothing_heavy():
    code = (
        "import sys, pytest; before = set(sys.modules); import gradverify.pytest_plugin; "
        "print(*sorted(set(sys.modules) - before))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.split() == ["gradverify", "gradverify.pytest_plugin"]


@pytest.mark.parametrize(("rows", "status"), [
    ([], "UNDECIDED"), ([("HOLDS", "passed")], "HOLDS"), ([("UNDECIDED", "skipped"), ("HOLDS", "passed")], "HOLDS"),
    ([("FAILS", "skipped"), ("HOLDS", "passed")], "HOLDS"), ([("HOLDS", "passed"), ("FAILS", "failed")], "FAILS"),
    ([("UNDECIDED", "failed"), ("HOLDS", "passed")], "UNDECIDED"), ([("HOLDS", "failed")], "FAILS"),
    ([("UNDECIDED", "failed"), ("FAILS", "failed")], "FAILS"),
])  # fmt: skip
def test_the_status_of_a_report_follows_from_what_failed(rows, status):
    assert pytest_plugin.status([{"status": s, "outcome": outcome} for s, outcome in rows]) == status
