"""The command that sets the checkers side by side prints its tables, and counts a wrong verdict as one."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

JUDGE = Path(__file__).with_name("judge.py")


def judged(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(JUDGE), *words], capture_output=True, text=True, timeout=60)


@pytest.fixture
def verdicts(monkeypatch):
    monkeypatch.syspath_prepend(str(JUDGE.parent))
    return importlib.import_module("verdicts")


def lines(verdicts, cases):
    """What is printed of these cases, gradverify alone asked."""
    corners = importlib.import_module("corners")
    question = verdicts.Question(importlib.import_module("peers").CHECKERS[:1])
    asked = verdicts.ask([corners.corner("relu", 0, *words, **way) for *words, way in cases], question)
    return "\n".join(verdicts.verdicts("function", asked, question, verdicts.by(asked, "group")))


def test_the_command_prints_a_table_with_a_row_for_every_function():
    done = judged("--quick", "--only", "cost", "--checkers", "gradverify")
    assert done.returncode == 0, done.stderr
    assert "## cost: What a verdict costs at one usual float64 point of a smooth function." in done.stdout
    rows = [line.split("|")[1].strip() for line in done.stdout.splitlines() if line.startswith("|")]
    assert rows[-5:] == ["exp", "sin", "tanh", "arctan", "median"]


def test_an_unknown_name_is_refused_with_those_there_are():
    assert "'speed' is not known; choose from faults, scale, dtype, kinks, cost" in judged("--only", "speed").stderr
    done = judged("--case", "softmax (no such fault)")
    assert (done.returncode, done.stderr) == (2, "no case is called 'softmax (no such fault)'\n")


def test_right_verdicts_at_a_kink_are_counted_by_function_and_by_group(verdicts):
    told = lines(verdicts, [("0", "valid", {"at": 0.0}), ("1", "valid", {"at": 1.0}), ("2", "invalid", {"at": 2.0})])
    for row in ("| relu     | 3/3        |", "| valid    | 2/2        |", "| invalid  | 1/1        |"):
        assert row in told
    assert "gradverify's verdict is not right in 0 of 3." in told


def test_a_case_that_is_called_what_it_is_not_is_listed_with_the_line_that_prints_its_report(verdicts):
    told = lines(verdicts, [("0", "invalid", {"at": 0.0}), ("2", "valid", {"at": 2.0})])
    assert "| relu     | 0/2        |" in told
    assert "gradverify's verdict is not right in 2 of 2:" in told
    assert "- accepts: `python tests/benchmarks/judge.py --case 'relu: 0, seed 0'`" in told
    assert "- rejects: `python tests/benchmarks/judge.py --case 'relu: 2, seed 0'`" in told


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("word", ["accepts", "rejects", "raises", "undecided"])
def test_only_a_decided_verdict_is_counted_as_right(verdicts, right, word):
    case = verdicts.Case("a case", "a row", "a group", right, lambda: None)
    asked = verdicts.Asked(case, {"someone": verdicts.Answer(word)})
    counted = "1/1" if word in (["accepts"] if right else ["rejects", "raises"]) else "0/1"
    assert verdicts.cell([asked], "someone", {"someone": set()}) == counted + (" (1 ?)" if word == "undecided" else "")


def test_what_is_absent_or_refused_at_every_right_case_is_not_counted_at_all(verdicts):
    cases = [verdicts.Case("a case", "a row", "a group", right, lambda: None) for right in (True, False)]
    asked = [verdicts.Asked(case, {"someone": verdicts.Answer("raises")}) for case in cases]
    assert verdicts.refused(asked, "someone") == {"a group"}
    assert verdicts.cell(asked, "someone", {"someone": {"a group"}}) == "not taken"
    assert verdicts.refused(asked[1:], "someone") == set()
    assert verdicts.cell(asked, "someone", {}) == "not installed"
