"""Every command and snippet of the README is run, and what it shows is what comes out."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gradverify.embedded import MISTAKES

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
PYTHON = [text for kind, text in BLOCKS if kind == "python"]
SHOWN = next(text for kind, text in BLOCKS if kind == "text")


def gradverify(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "gradverify", *arguments], cwd=cwd, capture_output=True, text=True)


def test_the_snippets_run_from_top_to_bottom_in_one_namespace(capsys):
    space: dict[str, object] = {}
    for snippet in PYTHON[1:]:
        exec(compile(snippet, "README.md", "exec"), space)
    shown = capsys.readouterr().out
    assert "HOLDS     softmax_lands_on_the_simplex" in shown
    assert [line for line in shown.splitlines() if line == "HOLDS"] == ["HOLDS", "HOLDS"]
    assert "pullback_is_the_derivative    proved for all real inputs of n=2, k=3; n=3, k=2; n=1, k=1" in shown


def test_the_caught_bug_is_caught_as_shown(tmp_path):
    (tmp_path / "bad.py").write_text(PYTHON[0])
    command, *shown = SHOWN.splitlines()
    assert command == "$ gradverify check bad.py"
    done = gradverify("check", "bad.py", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    lines = iter(done.stdout.splitlines())
    for line in filter(None, shown):
        start = re.sub(r"\s+\d+\.\d s$", "", line.removesuffix("..."))
        assert any(printed.startswith(start) for printed in lines), line


def test_the_correction_it_names_holds(tmp_path):
    right = PYTHON[0].replace("return p * g  ", "return p * (g - (g * p).sum(axis=-1, keepdims=True))  ")
    assert right != PYTHON[0]
    (tmp_path / "good.py").write_text(right)
    done = gradverify("check", "good.py", cwd=tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("line", [
    "python -m pip install -e '.[experiments]' && gradverify check",
    "python -m pip install -e '.[test]' && python -m pytest -n 2",
])  # fmt: skip
def test_the_two_commands_of_a_fresh_machine_are_one_line_each(line):
    assert README.count(f"```sh\n{line}\n```") == 1


@pytest.mark.parametrize("name", ["learning-rate", "weight-amplitude"])
def test_the_experiments_it_names_run(name, tmp_path):
    assert f"`gradverify experiment {name}`" in README
    done = gradverify("experiment", name, "--epochs", "5", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "gradverify-report" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_line_for_a_test_file_makes_a_test_of_every_law(tmp_path):
    functions = PYTHON[1][: PYTHON[1].index("report = ")]
    (line,) = (text for text in PYTHON if "gv.suite" in text)
    (tmp_path / "test_layers.py").write_text(functions + line)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--gv-profile", "quick"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert "10 passed" in done.stdout


def test_the_table_of_mistakes_is_the_one_of_the_main_job():
    """That every method refutes them, and holds what is right, is tests/symbolic/test_proof.py."""
    rows = re.findall(r"^\| (.+?) \| FAILS \| FAILS \| FAILS \| HOLDS by all three \|$", README, re.MULTILINE)
    assert rows == [mistake.what for mistake in MISTAKES]


@pytest.mark.parametrize(("arguments", "says"), [
    (("prove", "--check"), "every file is up to date"),
    (("prove", "--show", "softmax_jacobian"), "d[p[k]]/ds[j] = p[k]*(delta[k,j] - p[j])"),
])  # fmt: skip
def test_the_theorems_it_names_are_proved(arguments, says, tmp_path):
    done = gradverify(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert says in done.stdout
