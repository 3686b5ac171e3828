"""The command that sets the checkers side by side prints its tables, and counts a wrong verdict as one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

JUDGE = Path(__file__).with_name("judge.py")
GROUPS = {"valid": "8", "invalid": "16", "right beside it": "8", "wrong beside it": "8"}


def judged(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(JUDGE), *words], capture_output=True, text=True, timeout=60)


def test_the_quick_table_of_kinks_has_its_rows_and_no_wrong_word():
    done = judged("--quick", "--only", "kinks", "--checkers", "gradverify")
    assert done.returncode == 0, done.stderr
    found = dict(re.findall(r"^\| (.+?) +\| (\d+/\d+)", done.stdout, re.MULTILINE))
    assert {k: v.split("/")[1] for k, v in found.items() if k in GROUPS} == GROUPS
    assert "- accepts" not in done.stdout
    assert "- rejects" not in done.stdout
    assert sum(int(found[k].split("/")[0]) for k in GROUPS) >= 0.6 * sum(map(int, GROUPS.values())), done.stdout


def test_an_unknown_name_is_refused_with_those_there_are():
    assert "'speed' is not known; choose from faults, scale, dtype, kinks, cost" in judged("--only", "speed").stderr
    done = judged("--case", "softmax (no such fault)")
    assert (done.returncode, done.stderr) == (2, "no case is called 'softmax (no such fault)'\n")


@pytest.fixture
def verdicts(monkeypatch):
    monkeypatch.syspath_prepend(str(JUDGE.parent))
    return __import__("verdicts")


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
