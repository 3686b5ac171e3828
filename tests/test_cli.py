"""The command line as a person, a pipe and a script meet it: rows, failures, exit codes, and hostile files."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gradverify as gv
from gradverify import cli
from gradverify.laws import laws_of

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
    head, row, *_ = out.splitlines()
    assert head.split() == ["subject", "laws", "decisive", "sees", "time"]
    assert row.startswith("HOLDS     softmax ")
    laws = sum(not law.missing(gv.nn.softmax) for law in laws_of(""))
    assert f" {laws}/{laws} " in row


def test_the_printed_line_reproduces_the_failure_when_pasted_into_a_fresh_interpreter(run, tmp_path):
    _, out, _ = run("check", "bad.py", bad=WRONG)
    place, claimed = re.search(r"at (x\[\d, \d\]): claimed (\S+),", out).groups()
    (line,) = (text for text in out.splitlines() if text.startswith("import gradverify"))
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
    rows = [line.split()[:3] for line in out.splitlines()[1:3]]
    assert rows == [["FAILS", "bad.py:", "softmax"], ["HOLDS", "good.py:", "softmax"]]
    assert "bad.py: softmax FAILS pullback_is_the_derivative" in out


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
    (["check", "leaves.py"], r"leaves.py: importing it raised SystemExit: 0 \(leaves.py, line 2\)"),
    (["check", "mute.py"], r"importing it raised Mute: \(it cannot say what\) \(mute.py, line 4\)"),
    (["check", "below.py"], r"raised ValueError: negative dimensions are not allowed \(below.py, line 2\)"),
    (["check", "."], "give a Python file or a dotted module name"),
    (["check", "good.py:"], "give a Python file or a dotted module name"),
    (["check", "--strict"], "--strict is for a TARGET"),
    (["check", "--budget", "2"], "--budget is for a TARGET"),
    (["check", "--dtype", "float16"], "--dtype is for a TARGET"),
    (["check", "good.py", "--json", "good.py/report.json"], "--json: the folder good.py cannot be made: "),
    (["check", "--output", "good.py/report"], "--output: the folder good.py/report cannot be made: "),
    (["experiment", "learning-rate", "--seed", "-1"], "--seed -1: give a whole number"),
    (["experiment", "learning-rate", "--seed", "²"], "--seed ²: give a whole number"),
    (["experiment", "rates"], "'rates' is not one of 'learning-rate', 'weight-amplitude'"),
])  # fmt: skip
def test_misuse_exits_2_with_one_clear_line(run, arguments, message):
    files = {
        "good": RIGHT,
        "broken": "x = 1\ny = x / 0\n",
        "syntax": "def f(:\n",
        "leaves": "import sys\nsys.exit(0)\n",
    }
    files["mute"] = "class Mute(Exception):\n    def __str__(self):\n        raise RuntimeError\nraise Mute\n"
    files["below"] = "import numpy as np\nx = np.zeros(-1)\n"
    code, out, err = run(*arguments, **files)
    assert code == 2
    assert out == ""  # nothing is done before the request is understood
    assert len(err.splitlines()) == 1 or "Usage: " in err
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


# What a target may do


def test_a_function_that_leaves_the_process_is_undecided_and_never_exit_0(run):
    leaving = "import sys\n" + RIGHT.replace("    p = softmax(x)", "    sys.exit(0)")
    code, out, _ = run("check", "leaves.py", leaves=leaving)
    assert code == 4
    assert "its code called sys.exit(0) while it was judged; let it raise" in out


def test_a_pair_whose_shapes_are_not_found_is_undecided_and_says_what_to_write(run):
    deep = "def f(a, b):\n    return a[0][0][0][0][0][0] * b\n\ndef f_vjp(g, a, b):\n    return a, b\n"
    code, out, _ = run("check", "deep.py", deep=deep)
    assert code == 4
    assert 'no shapes were found by trial; annotate each argument, as x: Annotated[np.ndarray, gv.Box("n k")]' in out
    code, out, _ = run("check", "deep.py", "good.py", deep=deep, good=RIGHT)
    assert code == 4  # the one that holds does not hide the one that nobody judged


def test_what_it_says_to_write_helps(run):
    annotated = """
from typing import Annotated
import numpy as np
import gradverify as gv

def total(x: Annotated[np.ndarray, gv.Box("1 1 1 1 1 n")]):
    return x[0, 0, 0, 0, 0] ** 2

def total_vjp(g, x):
    return 2 * x * g
"""
    code, out, _ = run("check", "total.py", total=annotated)
    assert code == 0, out
    assert 'note: total: inputs from its annotations: x "1 1 1 1 1 n"' in out


def test_the_convention_at_a_kink_is_told_below_the_row(run):
    text = "import numpy as np\n\ndef relu(x):\n    return np.maximum(x, 0)\n\n"
    text += "def relu_vjp(g, x):\n    return g * (x > 0)\n"
    code, out, _ = run("check", "relu.py", relu=text)
    assert code == 0
    assert re.search(r"^ {10}a kink at x\[.*: 0 is claimed, any value from (0 to|-\S+ to 0)", out, re.MULTILINE)


def test_hostile_names_and_errors_are_shown_on_one_line(run):
    text = 'raise ValueError("\\x1b[2J[red]first\\nsecond")\n'
    code, out, err = run("check", "hostile.py", hostile=text)
    assert (code, out) == (2, "")
    assert "raised ValueError: \\x1b[2J[red]first second (hostile.py, line 1)" in err
    long = "f" * 300
    text = f"def {long}(x):\n    return x * x\n\ndef {long}_vjp(g, x):\n    return 2 * g * x\n"
    code, out, _ = run("check", "long.py", long=text)
    assert code == 0
    assert f"HOLDS     {'f' * 57}... " in out
    text = RIGHT + 'softmax.__name__ = "[bold]s\\x1b[2J\\n"\n'
    code, out, _ = run("check", "named.py", named=text)
    assert code == 0
    assert "\x1b" not in out
    assert any(line.startswith("HOLDS     ") for line in out.splitlines())


# Other interpreters, other streams: a fresh process each


def started(*arguments: str, cwd: Path, code: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command as an installed script runs it: the current folder is not on the path of its interpreter."""
    known = {**os.environ, "PYTHONPATH": str(Path(gv.__file__).parents[1]), **environment}
    text = code + "from gradverify.cli import main; main()"
    return subprocess.run([sys.executable, "-P", "-c", text, *arguments], cwd=cwd, capture_output=True, env=known)


@pytest.mark.parametrize(("place", "target"), [
    ("layers/mod.py", "layers.mod"), ("layers/mod.py", "layers/mod.py"), ("it's a file.py", "it's a file.py"),
])  # fmt: skip
def test_a_module_a_folder_and_an_odd_name_are_found_and_their_witness_works(tmp_path, place, target):
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    imports = "import beside_it\n" if target.endswith("mod.py") else ""
    path.write_text(imports + WRONG)
    (path.parent / "beside_it.py").write_text("x = 1\n")
    done = started("check", target, cwd=tmp_path)
    out = done.stdout.decode()
    assert done.returncode == 1, out + done.stderr.decode()
    (line,) = (text for text in out.splitlines() if text.startswith("import gradverify"))
    for text, broken in ((WRONG, True), (RIGHT, False)):
        path.write_text(imports + text)
        again = subprocess.run([sys.executable, "-c", line], cwd=tmp_path, capture_output=True, text=True)
        assert ("LawBroken" in again.stderr) is broken, again.stderr
        assert (again.returncode != 0) is broken, again.stderr


def test_a_reader_that_has_gone_is_no_success(tmp_path):
    (tmp_path / "good.py").write_text(RIGHT)
    unheard = "import os, sys; r, w = os.pipe(); os.close(r); os.dup2(w, 1);"
    done = started("check", "good.py", cwd=tmp_path, code=unheard)
    assert done.returncode == 141
    assert done.stderr == b""


def test_a_terminal_without_the_letters_shows_them_escaped(tmp_path):
    (tmp_path / "u.py").write_text(RIGHT.replace("softmax", "carré"), encoding="utf-8")
    done = started("check", "u.py", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert rb"HOLDS     carr\xe9" in done.stdout


def test_a_terminal_sees_colour_and_progress_and_a_pasteable_line_that_is_not_wrapped(tmp_path):
    pty = pytest.importorskip("pty", reason="a terminal is played by a pty")
    (tmp_path / "[red]bad.py").write_text(WRONG)
    read, write = pty.openpty()
    known = {**os.environ, "COLUMNS": "60", "TERM": "xterm-256color"}
    known = {k: v for k, v in known.items() if k not in ("NO_COLOR", "FORCE_COLOR", "CI")}
    command = [sys.executable, "-m", "gradverify", "check", "[red]bad.py"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=write, stderr=write, stdin=subprocess.DEVNULL, env=known
    ) as run:
        os.close(write)
        shown = b""
        try:
            while piece := os.read(read, 65536):
                shown += piece
        except OSError:  # Linux says so when the other end has closed
            pass
    os.close(read)
    text = shown.decode()
    assert run.returncode == 1
    assert "\x1b[1;31mFAILS\x1b[0m" in text
    assert "[red]bad.py: softmax" in text.partition("FAILS")[0]  # what was being done
    (line,) = (line for line in text.splitlines() if line.startswith("import gradverify"))
    assert line.endswith(".require()")
    assert len(line) > 200


FORMS = """
import numpy as np
import gradverify as gv

def square(x): return x * x
def square_vjp(g, x): return {wrong} * g * x

def bowl(x): return (x * x).sum()
def bowl_grad(x): return 2 * x
def bowl_hess(x): return {wrong} * np.eye(x.size)

def affine_forward(x, w): return x @ w, (x, w)
def affine_backward(dout, cache): return dout @ cache[1].T, {wrong} * cache[0].T @ dout / 2

def scale(x, s): return x * s
def scale_backward(g, x, s): return g * s, {wrong} * (g * x).sum() / 2

class Twice:
    def forward(self, x): return 2 * x
    def backward(self, g): return {wrong} * g

def flipped(x, *, flip: bool = False): return -x * x if flip else x * x
def flipped_vjp(g, x, *, flip: bool = False): return {wrong} * (-g if flip else g) * x

own = gv.Subject("own", square, gv.Domain({{"x": gv.Box("n")}}), vjp=square_vjp)
"""


def test_in_every_form_the_line_says_the_same_entry_and_value_and_holds_once_mended(run, tmp_path):
    code, out, _ = run("check", "forms.py", forms=FORMS.format(wrong="2.25"))
    assert code == 1
    lines = [line for line in out.splitlines() if line.startswith("import gradverify")]
    shown = [line for line in out.splitlines() if line.startswith("  at ")]
    assert len(lines) == len(shown) == 7
    for line, place in zip(lines, shown, strict=True):
        with pytest.raises(gv.LawBroken) as broken:
            exec(line, {})
        assert place in str(broken.value)
    (tmp_path / "forms.py").write_text(FORMS.format(wrong="2.0"))
    for line in lines:
        exec(line, {})


# -- prove ----------------------------------------------------------------------------------------

PROOFS = Path(__file__).resolve().parents[1] / "proofs"


@pytest.fixture
def proofs(tmp_path):
    """A folder of our theorems that may be changed."""
    return Path(shutil.copytree(PROOFS, tmp_path / "theorems"))


def test_prove_writes_what_differs_and_nothing_else(run, proofs):
    (proofs / "softmax.md").write_text("edited")
    (proofs / "certificates" / "softmax_jacobian.json").unlink()
    code, out, _ = run("prove", "--folder", str(proofs))
    assert code == 0
    written = [line for line in out.splitlines() if line.startswith("written: ")]
    assert written == [f"written: {proofs / name}" for name in ("certificates/softmax_jacobian.json", "softmax.md")]
    assert (proofs / "softmax.md").read_bytes() == (PROOFS / "softmax.md").read_bytes()
    assert "nothing to write" in run("prove", "--folder", str(proofs))[1]


def test_prove_check_writes_nothing_and_names_the_file_that_is_out_of_date(run, proofs):
    text = (proofs / "cross_entropy.md").read_text()
    (proofs / "cross_entropy.md").write_text(text.replace("whatever the labels sum to", "always"))
    code, out, _ = run("prove", "--check", "--folder", str(proofs))
    assert code == 1
    assert f"{proofs / 'cross_entropy.md'} is out of date: line " in out
    assert "always" in (proofs / "cross_entropy.md").read_text()


def test_a_theorem_that_does_not_follow_is_refused_with_its_step(run, proofs):
    script = proofs / "softmax.py"
    script.write_text(script.read_text().replace("right=p[k] * (delta(k, j) - p[j])", "right=p[k] * delta(k, j)"))
    code, out, _ = run("prove", "--folder", str(proofs))
    assert code == 1
    assert "refused   softmax_jacobian" in out
    assert re.search(r"^softmax_jacobian, (step \d+|the statement): \w", out, re.MULTILINE)
    assert (proofs / "softmax.md").read_bytes() == (PROOFS / "softmax.md").read_bytes()  # nothing written


def test_prove_list_show_and_names(run):
    code, out, _ = run("prove", "--list", "--folder", str(PROOFS))
    assert code == 0
    assert any(line.startswith("softmax_jacobian ") for line in out.splitlines())
    code, out, _ = run("prove", "relu_balance", "--folder", str(PROOFS))
    assert code == 0
    assert out.startswith("proved    relu_balance  ")
    code, out, _ = run("prove", "--show", "cross_entropy_gradient", "--folder", str(PROOFS))
    assert code == 0
    assert "assumed: labels sum to 1" in out
    assert "hypothesis, labels sum to 1" in out


@pytest.mark.parametrize(("arguments", "says"), [
    (("softmax_jacobain",), "there is no theorem 'softmax_jacobain'; did you mean softmax_jacobian?"),
    (("--check", "--list"), "--check and --list do not go together; give one of them"),
    (("--folder", "nowhere"), "nowhere: there are no theorem scripts here"),
])  # fmt: skip
def test_prove_refuses_what_makes_no_sense(run, arguments, says):
    folder = () if "--folder" in arguments else ("--folder", str(PROOFS))
    code, _, err = run("prove", *arguments, *folder)
    assert code == 2
    assert says in err
