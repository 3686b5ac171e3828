"""Every command and snippet of the README is run, and what it shows is what comes out."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import gradverify as gv
from gradverify import nn
from gradverify.embedded import MISTAKES
from gradverify.laws import laws_of

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
PYTHON = [text for kind, text in BLOCKS if kind == "python"]
SHOWN = next(text for kind, text in BLOCKS if kind == "text")
HERE = np.array([[1.0, 2.0, 3.0], [0.5, -1.0, 0.25]])


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
    assert f"{sum(not law.missing(nn.softmax) for law in laws_of('softmax'))} passed" in done.stdout


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


def test_the_extras_that_are_installed_by_name_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = set(re.findall(r"(?:gradverify|\.)\[(\w+)\]['\"]", README))
    assert named == {"experiments", "test", "lowprec"}
    assert named <= set(extras)


def test_a_check_of_softmax_calls_it_as_often_as_told_at_most():
    (told,) = re.findall(r"softmax at an array calls it (\d+) times", README)
    calls = []
    report = gv.check(lambda x: calls.append(1) or nn.softmax(x), vjp=nn.softmax.vjp, inputs=HERE)
    assert report.status == "HOLDS"
    assert len(report.verdicts) == sum(not law.missing(nn.softmax) for law in laws_of(""))
    assert len(calls) <= int(told)


def squares(x):
    return (x * x).sum() / 2


def crossed(x):
    return np.eye(x.size) + np.outer(np.arange(x.size) == 0, np.arange(x.size) == 1)


@pytest.mark.parametrize(("rule", "place", "tangent"), [
    ({"hess": crossed}, "hess[0, 1]", ""),
    ({"hessp": lambda x, p: crossed(x) @ p}, "pushforward(x, u)[0]", "at x[1], and 0 elsewhere"),
])  # fmt: skip
def test_a_wrong_hessian_is_told_by_entry(rule, place, tangent):
    (finding,) = gv.check(squares, grad=np.array, inputs=HERE[0], **rule).findings
    assert finding.place == place
    assert tangent in finding.cause
    assert "(`at hess[0, 1]`)" in README


def test_a_hessian_that_is_not_symmetric_fails():
    report = gv.check(squares, grad=lambda x: crossed(x) @ x, hess=crossed, inputs=HERE[0])
    assert "hessian_is_symmetric" in {finding.law for finding in report.findings}


@pytest.mark.parametrize(("keywords", "gradient", "status"), [
    ({}, np.conj, "HOLDS"), ({"convention": "torch"}, np.conj, "HOLDS"), ({"convention": "jax"}, np.conj, "FAILS"),
    ({}, np.array, "FAILS"), ({"convention": "jax"}, np.array, "HOLDS"),
])  # fmt: skip
def test_complex_inputs_follow_the_convention_that_is_named(keywords, gradient, status):
    z = HERE + 1j * HERE[::-1]
    assert gv.check(np.square, vjp=lambda g, z: 2 * g * gradient(z), inputs=z, **keywords).status == status
