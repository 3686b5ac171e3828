"""Every witness, pasted into a fresh interpreter, fails in the same way; so does the pytest test that is made of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from wrong_rules import VJPS, pushed, sine

import gradverify as gv

PASTE = """
import sys
from wrong_rules import *
for line in sys.stdin.read().splitlines():
    try:
        exec(line)
        print("nothing failed")
    except Exception as failure:
        print(type(failure).__name__, str(failure).split("\\n\\n")[1].replace("\\n", "|"))
"""
TESTS = Path(__file__).parent.parent
BY = {"Sampling": gv.Sampling(), "Search": gv.Search(), "as found": gv.Sampling(smallest=False)}


def reports(by):
    yield from (gv.check(f, vjp=vjp, inputs=inputs, by=by) for f, vjp, inputs in VJPS)
    yield gv.check(sine, jvp=pushed, inputs=gv.Box("n"), by=by)


def fresh(*words, **given):
    here = {"cwd": TESTS, "capture_output": True, "text": True, "timeout": 300}
    return subprocess.run([sys.executable, *words], **here, **given)


@pytest.mark.parametrize("by", BY)
def test_a_line_fails_in_a_fresh_interpreter_as_it_is_told_to(by):
    findings = [report.findings[0] for report in reports(BY[by])]
    assert len(findings) == len(VJPS) + 1
    done = fresh("-c", PASTE, input="\n".join(found.witness for found in findings))
    assert done.returncode == 0, done.stderr
    for found, said in zip(findings, done.stdout.splitlines(), strict=True):
        assert said.startswith("LawBroken "), (found, said)
        assert f" FAILS {found.law}" in said
        if found.argument:
            assert f"at {found.place}: " in said


def test_as_pytest_tests_they_fail_and_pass_once_the_rule_is_mended(tmp_path):
    found = [report.findings[0] for report in reports(gv.Sampling())]
    for number, one in enumerate(found):
        (tmp_path / f"test_{number}.py").write_text("from wrong_rules import *\n" + one.test)
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "--import-mode=importlib"]
    done = fresh("-m", "pytest", *options, str(tmp_path), env={**_path(), "PYTHONDONTWRITEBYTECODE": "1"})
    assert f"{len(found)} failed" in done.stdout, done.stdout[-2000:]
    mended = next(one.test for one in found if "twice" in one.test)
    (tmp_path / "mended").mkdir()
    (tmp_path / "mended" / "test_it.py").write_text(
        "from wrong_rules import *\n" + mended.replace("vjp=twice", "vjp=lambda g, x: g * np.cos(x)")
    )
    done = fresh("-m", "pytest", *options, str(tmp_path / "mended"), env=_path())
    assert "1 passed" in done.stdout, done.stdout[-2000:]


def _path():
    import os

    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])}


def test_a_witness_that_is_no_line_of_python_makes_no_test():
    import dataclasses

    found = gv.check(sine, jvp=pushed, inputs=gv.Box("n")).findings[0]
    for line in ("", "# too large to write out: run the same check again", "(", "import os; os.remove('x')"):
        assert dataclasses.replace(found, witness=line).test == ""
