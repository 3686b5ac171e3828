"""A report reads the same as text, Markdown and JSON; nothing of the user's is obeyed, no digit that tells is lost."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from gradverify import Finding, Report, Verdict, _render
from gradverify._verdict import Status

HOSTILE = "a\x1b[2J|`<b>`[red]\nnext\r\u202e\u2028\x07"


def finding(claimed: float | str = 1.5, expected: float | str = 2.5, **more: object) -> Finding:
    return Finding("a_law", "W1", (3, 7), claimed, expected, 1e-9, **more)  # type: ignore[arg-type]


def verdict(status: Status = Status.HOLDS, **more: object) -> Verdict:
    given = {"subject": "f", "law": "a_law", "statement": "a = b", "by": "Sampling", "derivative": True, **more}
    return Verdict(status=status, **given)  # type: ignore[arg-type]


def failing(*findings: Finding, **more: object) -> Report:
    return Report((verdict(Status.FAILS, findings=findings, trials=3, decisive=2, **more),), seed=7)


def test_the_first_line_says_the_kind_of_cause_and_one_cause_is_one_block():
    one, other = (verdict(Status.FAILS, law=law, findings=(finding(kind="sign"),)) for law in ("first", "second"))
    lines = str(Report((one, other), seed=7)).splitlines()
    assert "f FAILS first: the sign is wrong" in lines
    assert "  breaks too: second" in lines
    assert not any(line.startswith("f FAILS second") for line in lines)
    apart = verdict(Status.FAILS, law="second", findings=(finding(kind="factor"),))
    assert "f FAILS second: a constant factor is wrong" in str(Report((one, apart)))
    assert "f FAILS a_law: a\\x1b[2J" in str(failing(finding(kind=HOSTILE)))


def test_a_failure_says_law_place_both_sides_and_how_to_run_it_again():
    report = failing(finding(cause="half of it", witness="gv.check(f).require()", where="ties", dtype="float64"))
    assert _render.failure(report.verdicts[0]) == [
        "f FAILS a_law",
        "  the law: a = b",
        "  at W1[3, 7]: claimed 1.5, expected 2.5 (to within 1.0e-09; 4e-10 of it would have been seen)",
        "  first seen with ties in float64:",
        "    half of it",
        "  again: gv.check(f).require()",
    ]
    assert str(report).splitlines()[-1] == "FAILS: 1 fails (seed 7)"


@pytest.mark.parametrize(("claimed", "expected", "shown"), [
    (1.0, 2.0, ("1", "2")),
    (1.0, 1.0000001, ("1", "1.0000001")),
    (1.0, 1 + 1e-12, ("1", "1.000000000001")),
    (1.0, math.nextafter(1, 2), ("1", "1.0000000000000002")),
    (math.nan, 1.0, ("nan", "1")),
    ("raised ValueError", "an answer", ("raised ValueError", "an answer")),
])  # fmt: skip
def test_two_sides_are_shown_with_the_digits_that_tell_them_apart(claimed, expected, shown):
    assert _render.sides(finding(claimed, expected)) == shown


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e-300, 12345678.9, -2.0])
def test_a_number_is_short_only_where_it_loses_nothing(value):
    text = _render.number(value)
    assert float(text) == value or len(text) >= 9
    assert abs(float(text) - value) <= abs(value) * 1e-8


def test_every_status_is_told_from_the_others():
    verdicts = (verdict(), verdict(Status.UNDECIDED, reason="too blunt"), verdict(Status.UNDECIDED, derivative=False))
    assert _render.summary(Report(verdicts, 3)) == "UNDECIDED: 1 holds, 2 undecided (seed 3)"
    assert _render.summary(Report((), 3)) == "UNDECIDED: nothing was judged (seed 3)"
    assert _render.summary(Report((verdict(),), 3)) == "HOLDS: 1 holds (seed 3)"


def test_reasons_notes_and_what_was_skipped_are_shown():
    noted = verdict(notes=("zero here",), smallest=1e-6)
    other = verdict(Status.UNDECIDED, subject="g", reason="too blunt")
    text = str(Report((noted, other), 0, ("shapes assumed",), ("h: no derivative",)))
    for line in ("note: zero here", "too blunt", "note: shapes assumed", "skipped: h: no derivative"):
        assert line in text


def hostile_report() -> Report:
    found = finding(HOSTILE, HOSTILE, cause=HOSTILE, witness=HOSTILE, where=HOSTILE, dtype=HOSTILE)
    bad = verdict(Status.FAILS, findings=(found,), subject=HOSTILE, statement=HOSTILE, notes=(HOSTILE,))
    dull = verdict(Status.UNDECIDED, subject=HOSTILE, reason=HOSTILE)
    return Report((bad, dull), 0, (HOSTILE,), (HOSTILE,))


@pytest.mark.parametrize("show", [str, lambda report: report._repr_markdown_()])
def test_hostile_text_stays_on_its_line_and_sends_nothing(show):
    text = show(hostile_report())
    assert all(c.isprintable() for c in text.replace("\n", ""))
    harmless = show(_with_plain_names(hostile_report()))
    assert text.count("\n") == harmless.count("\n")


def _with_plain_names(report: Report) -> Report:
    found = finding("a", "a", cause="a", witness="a", where="a", dtype="a")
    bad = verdict(Status.FAILS, findings=(found,), subject="a", statement="a", notes=("a",))
    return Report((bad, verdict(Status.UNDECIDED, subject="a", reason="a")), 0, ("a",), ("a",))


def test_markdown_keeps_its_table():
    rows = [line for line in hostile_report()._repr_markdown_().splitlines() if line.startswith("|")]
    assert len(rows) == 4
    assert {line.replace("\\|", "").count("|") for line in rows} == {6}
    assert "<b>" not in "".join(rows)


def test_json_is_valid_sorted_and_keeps_every_bit():
    value = 0.1 + 0.2
    report = failing(finding(value, math.inf), finding(math.nan, np.float32(0.1)), subject=HOSTILE)  # type: ignore[arg-type]
    data = json.loads(report.to_json(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    first, second = data["verdicts"][0]["findings"]
    assert first["claimed"] == value
    assert (first["expected"], second["claimed"]) == ("inf", "nan")
    assert second["expected"] == float(np.float32(0.1))
    assert first["index"] == [3, 7]
    assert data["verdicts"][0]["subject"] == HOSTILE
    assert list(data) == sorted(data)
    assert (data["status"], data["seed"]) == ("FAILS", 7)


def test_the_same_report_gives_the_same_json():
    assert hostile_report().to_json() == hostile_report().to_json()


def test_all_that_is_wrong_and_through_what_is_shown_where_it_says_more_than_the_one_place():
    found = dataclasses.replace(finding(1.0, 2.0), places=("W1[3, 7]", "W1[5, :]"), outputs=("value[0, :]",))
    lines = _render.failure(verdict(Status.FAILS, findings=(found,)))
    assert "    wrong at W1[3, 7], W1[5, :]; right everywhere else" in lines
    assert "    wrong through value[0, :]; right for the cotangent of every other output" in lines
    one = dataclasses.replace(found, places=(found.place,), outputs=())
    assert not any("wrong at" in line for line in _render.failure(verdict(Status.FAILS, findings=(one,))))
    data = json.loads(failing(found).to_json())["verdicts"][0]["findings"][0]
    assert (data["places"], data["outputs"]) == (["W1[3, 7]", "W1[5, :]"], ["value[0, :]"])


def test_a_notebook_shows_the_failure_and_its_test_in_fences_that_nothing_in_them_closes():
    found = dataclasses.replace(finding(1.0, 2.0), cause="````", witness="import gradverify as gv; gv.check(f)")
    text = failing(found)._repr_markdown_()
    assert text.count("`````text\n") == 1
    assert text.count("\n`````\n") == 1
    assert "```python\nimport gradverify as gv" in text
    assert "def test_f_law():" in text
