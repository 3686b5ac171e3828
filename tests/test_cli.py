"""The command line as a person, a pipe and a script meet it: rows, failures, exit codes, and hostile files."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gradverify as gv
from gradverify import cli

SOFTMAX = """
import numpy as np

def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)

def softmax_vjp(g, x):
    p = softmax(x)
    return {}
"""
WRONG = SOFTMAX.format("p * g")
RIGHT = SOFTMAX.format("p * (g - (g * p).sum(axis=-1, keepdims=True))")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command line on files given by name and text; its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def with_files(*arguments: str, **files: str):
        for name, text in files.items():
            Path(f"{name}.py").write_text(text)
        with pytest.raises(SystemExit) as ended:
            cli.main(list(arguments))
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out, shown.err

    return with_files


def test_a_wrong_file_exits_1_and_names_law_argument_entry_and_both_sides(run):
    code, out, _ = run("check", "bad.py", bad=WRONG)
    assert code == 1
    assert "softmax FAILS pullback_is_the_derivative" in out
    assert re.search(r"at x\[\d, \d\]: claimed -?\d\S*, expected -?\d\S* \(to within", out)
    assert out.rstrip().endswith("(seed 0)")


def test_the_corrected_file_exits_0(run):
    code, out, _ = run("check", "good.py", good=RIGHT)
    assert code == 0
    assert out.splitlines()[0].startswith("HOLDS     softmax")


def test_the_printed_line_reproduces_the_failure_when_pasted_into_a_fresh_interpreter(run, tmp_path):
    _, out, _ = run("check", "bad.py", bad=WRONG)
    place, claimed = re.search(r"at (x\[\d, \d\]): claimed (\S+),", out).groups()
    (line,) = (text.removeprefix("  again: ") for text in out.splitlines() if text.startswith("  again: "))
    again = subprocess.run([sys.executable, "-c", line], cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode != 0
    assert "LawBroken" in again.stderr
    assert f"at {place}: claimed {claimed}," in again.stderr
    (tmp_path / "bad.py").write_text(RIGHT)
    mended = subprocess.run([sys.executable, "-c", line], cwd=tmp_path, capture_output=True, text=True)
    assert mended.returncode == 0, mended.stderr


def test_several_targets_and_single_names(run):
    code, out, _ = run("check", "bad.py", "good.py:softmax", bad=WRONG, good=RIGHT)
    assert code == 1
    assert [line[:9].strip() for line in out.splitlines()[:2]] == ["FAILS", "HOLDS"]


def test_an_undecided_derivative_exits_4(run):
    text = "import numpy as np\n\ndef one(x):\n    return x * 0 + 1\n\ndef one_vjp(g, x):\n    return 0 * g\n"
    code, out, _ = run("check", "one.py", one=text)
    assert code == 4
    assert "the derivative is zero at every point tried" in out


def test_a_file_with_nothing_to_check_exits_5_and_says_why(run):
    code, out, _ = run("check", "empty.py", empty="def helper(x):\n    return x\n")
    assert code == 5
    assert "skipped: empty.py: helper: no derivative beside it" in out
    assert "nothing to check (seed 0)" in out


@pytest.mark.parametrize(("arguments", "message"), [
    (["check", "nofile.py"], "there is no such file"),
    (["check", "no.such.module"], "no module of this name can be imported"),
    (["check", "broken.py"], r"importing it raised ZeroDivisionError: division by zero \(broken.py, line 2\)"),
    (["check", "syntax.py"], r"importing it raised SyntaxError: .*\(syntax.py, line 1\)"),
    (["check", "good.py:sigmoid"], "there is no 'sigmoid' to check there. Found there: softmax"),
    (["check", "good.py", "--seed", "x"], '--seed x: give a whole number >= 0, or "random".'),
    (["check", "good.py", "--dtype", "int8"], "dtype='int8' is not a floating type"),
    (["check", "good.py", "--budget", "-1"], "budget=-1.0"),
    (["chekc"], "No such command 'chekc'"),
    (["experiment", "rates"], "'rates' is not one of 'learning-rate', 'weight-amplitude'"),
])  # fmt: skip
def test_misuse_exits_2_with_one_clear_line(run, arguments, message):
    code, _, err = run(*arguments, good=RIGHT, broken="x = 1\ny = x / 0\n", syntax="def f(:\n")
    assert code == 2
    assert re.search(message, err), err
    assert "Traceback" not in err


def test_an_error_of_ours_exits_3_and_asks_for_a_report(run, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError("planted")

    monkeypatch.setattr("gradverify.adapters.discover.discover", broken)
    code, _, err = run("check", "good.py", good=RIGHT)
    assert code == 3
    assert "an error of ours, RuntimeError: planted" in err
    assert "Please report it" in err
    assert "Traceback" not in err


def test_an_interruption_exits_130(run):
    code, _, err = run("check", "stop.py", stop=RIGHT.replace("    p = softmax(x)", "    raise KeyboardInterrupt"))
    assert code == 130
    assert "interrupted" in err


def test_a_pipe_gets_plain_lines_and_hostile_text_is_shown_not_obeyed(run):
    text = WRONG.replace(
        "def softmax_vjp(g, x):\n", 'def softmax_vjp(g, x):\n    raise ValueError("[red]x[/red]\\x1b[2J\\nnew line")\n'
    )
    code, out, _ = run("check", "hostile.py", hostile=text)
    assert code == 1
    assert "\x1b" not in out
    assert "[red]x[/red]\\x1b[2J new line" in out


def test_json_is_written_whole_and_says_the_same(run, tmp_path):
    code, out, _ = run("check", "bad.py", "--json", "deep/report.json", "--seed", "7", bad=WRONG)
    data = json.loads((tmp_path / "deep" / "report.json").read_text())
    assert (code, data["status"], data["seed"]) == (1, "FAILS", 7)
    assert "(seed 7)" in out
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["report.json"]


def test_a_random_seed_is_printed(run):
    _, out, _ = run("check", "good.py", "--seed", "random", good=RIGHT)
    assert re.search(r"\(seed \d+\)$", out.rstrip())


def test_version_and_help_are_there(run):
    code, out, _ = 0, "", ""
    for flag in ("--version", "--help"):
        done = subprocess.run([sys.executable, "-m", "gradverify", flag], capture_output=True, text=True)
        code, out = code + done.returncode, out + done.stdout
    assert code == 0
    assert f"gradverify {gv.__version__}" in out
    assert "check" in out
