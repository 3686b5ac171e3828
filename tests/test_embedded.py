"""The embedded default: our own operations and network hold under every law, on real digits, and faults do not."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gradverify as gv
from gradverify import embedded, nn
from gradverify.embedded.rows import refuted

FEW = 2  # operations in the main job without the extra: the whole of it runs with the extra
WITHOUT = f"""
import importlib, sys
for name in ("sklearn", "matplotlib"):
    sys.modules[name] = None
rows = importlib.import_module("gradverify.embedded.rows")
rows.OPS, rows.MISTAKES = rows.OPS[:{FEW}], rows.MISTAKES[:1]
from gradverify.cli import main
main(["check"])
"""


def test_the_main_job_holds_on_digits_and_leaves_a_report_and_two_figures(tmp_path):
    done = subprocess.run([sys.executable, "-m", "gradverify", "check"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("HOLDS     ")]
    assert len(rows) == len(nn.OPS) + 2  # the operations, a small network that is proved too, and the one on digits
    seen = [line for line in done.stdout.splitlines() if line.startswith("refuted   ")]
    assert len(seen) == len(embedded.MISTAKES)
    assert all(line.endswith("by Proof, Search, Sampling") for line in seen)
    assert "theorems proved for every size, each as its certificate says" in done.stdout
    assert "\x1b" not in done.stdout
    report = tmp_path / "gradverify-report"
    assert {p.name for p in report.iterdir()} == {"report.json", "learning-rate.png", "weight-amplitude.png"}
    data = json.loads((report / "report.json").read_text())
    assert set(data["facts"]["experiments"]) == {"learning-rate", "weight-amplitude"}
    assert set(data["facts"]["refuted"]) == {mistake.what for mistake in embedded.MISTAKES}
    assert {v["by"] for v in data["verdicts"]} == {"Proof", "Search", "Sampling"}
    assert {v["law"] for v in data["verdicts"]} >= {"hidden_units_are_balanced", "softmax_lands_on_the_simplex"}


def test_without_the_experiments_extra_the_rest_runs_and_the_digits_rows_say_what_to_install(tmp_path):
    done = subprocess.run([sys.executable, "-c", WITHOUT], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    skipped = [line for line in done.stdout.splitlines() if line.startswith("skipped")]
    assert len(skipped) == 3
    assert all("python -m pip install 'gradverify[experiments]'" in line for line in skipped)
    assert done.stdout.count("HOLDS     ") == FEW + 1


def test_the_network_s_gradient_on_digits_fails_with_one_planted_fault():
    subject = embedded.network_on_digits(0)
    place = subject.names.index("W3")
    right = subject.vjp(1.0, *(a.array for a in subject.domain.arguments.values()))[place]
    entry = np.unravel_index(
        np.argsort(np.abs(right), axis=None)[-200], right.shape
    )  # an ordinary one, not the largest

    def vjp(g, *inputs):
        out = list(subject.vjp(g, *inputs))
        out[place] = out[place].copy()
        out[place][entry] *= 1.01
        return tuple(out)

    report = gv.check(dataclasses.replace(subject, vjp=vjp), laws="pullback_is_the_derivative")
    assert [(f.argument, f.index) for f in report.findings] == [("W3", tuple(int(i) for i in entry))]


def test_a_mistake_that_a_method_does_not_see_ends_the_main_job():
    """The table says "refuted" because it was: a right subject in a mistake's place is no mistake."""
    mistake = dataclasses.replace(embedded.MISTAKES[0], wrong=nn.softmax)
    with pytest.raises(AssertionError, match="not refuted by Proof and Search and Sampling"):
        refuted(mistake, 0)


def test_files_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "new" / "report.json"
    embedded.write(path, "first")

    def refuse(*_):
        raise OSError("planted")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="planted"):
        embedded.write(path, "second")
    assert Path(path).read_text() == "first"
