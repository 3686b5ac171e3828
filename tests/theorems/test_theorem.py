"""The proofs folder: what is loaded, what is proved, which files are out of date, and what a document says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from gradverify._errors import LawBroken, Misuse
from gradverify.theorems import theorem
from gradverify.theorems.acceptance import Refused
from gradverify.theorems.theorem import Proved, files, folder, load, prove, stale, write

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = '''"""Doubling, for every size.

An example.
"""

from gradverify.theorems import Array, Derivation, Size, Sum, step

K = Size("K", "how many")
(k,) = K.indices("k")
s = Array("s", (K,), "numbers")
doubled = Derivation(
    name="doubled",
    title="Twice is once and once more",
    left=Sum(k, 2 * s[k]),
    right=Sum(k, s[k]) + Sum(k, s[k]),
    steps=(
        step(2 * Sum(k, s[k]), "linearity of the sum"),
        step(Sum(k, s[k]) + Sum(k, s[k]), "algebra"),
    ),
)
THEOREMS = (doubled,)
'''


@cache
def texts() -> dict[str, str]:
    return files(load(ROOT / "proofs"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with one script."""
    (tmp_path / "doubling.py").write_text(SCRIPT)
    return tmp_path


# What stands in the repository


def test_what_is_committed_is_what_the_theorems_say() -> None:
    assert stale(ROOT / "proofs") == []


def test_the_seed_is_there() -> None:
    names = {t.name for t in load(ROOT / "proofs")}
    assert names >= {
        "softmax_sums_to_one",
        "softmax_jacobian",
        "softmax_jacobian_rows",
        "softmax_jacobian_columns",
        "softmax_ignores_a_shift",
        "forward_message",
        "loss_by_probability",
        "cross_entropy_gradient",
        "cross_entropy_gradient_any_labels",
        "relu_balance",
        "relu_balance_any_slope",
    }


def test_scripts_come_after_those_they_lean_on() -> None:
    scripts = list(dict.fromkeys(t.script for t in load(ROOT / "proofs")))
    assert scripts.index("softmax") < scripts.index("cross_entropy")


@pytest.mark.parametrize("environment", [
    {"PYTHONHASHSEED": "0", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "4242", "LC_ALL": "C.UTF-8", "PYTHONUTF8": "0"},
])  # fmt: skip
def test_the_files_are_the_same_bytes_in_every_environment(environment: dict[str, str], tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from gradverify.theorems.theorem import files, load, write; "
        "write(Path(sys.argv[2]), files(load(Path(sys.argv[1]))))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(ROOT / "proofs"), str(tmp_path)],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-2000:]
    written = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert written == {name: text.encode() for name, text in texts().items()}


def test_a_theorem_in_plain_text(place: Path) -> None:
    proved = prove(load(place)[0])
    assert isinstance(proved, Proved)
    assert (
        theorem.told(proved).rpartition(" ")[0]
        == """doubled: Twice is once and once more
  for every K: sum_k 2*s[k] = (sum_k s[k]) + sum_k s[k]

    sum_k 2*s[k]
  = 2*sum_k s[k]
      linearity of the sum
  = (sum_k s[k]) + sum_k s[k]
      algebra

  8 comparisons at sizes 1 to 3 agree;"""
    )


def test_a_hypothesis_in_plain_text() -> None:
    mine = next(t for t in load(ROOT / "proofs") if t.name == "cross_entropy_gradient")
    proved = prove(mine)
    assert isinstance(proved, Proved)
    assert "  assuming labels sum to 1: sum_k t[k] = 1\n" in theorem.told(proved)
    assert "      hypothesis (labels sum to 1)\n" in theorem.told(proved)


# Loading


def test_a_folder_of_ones_own_is_found_first(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    assert folder() == ROOT / "proofs"
    (place / "proofs").mkdir()
    shutil.move(place / "doubling.py", place / "proofs")
    assert folder() == Path("proofs")
    assert [t.name for t in load(folder())] == ["doubled"]


def test_a_script_that_is_no_theorem_script_is_passed_over(place: Path) -> None:
    (place / "notes.py").write_text("raise SystemExit('run by mistake')\n")
    assert len(load(place)) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("THEOREMS = (doubled,)", "THEOREMS = [doubled]"), "THEOREMS has to be a tuple of Derivations"),
        (("THEOREMS = (doubled,)", "THEOREMS = (doubled, doubled)"), "there is a theorem 'doubled' already"),
        (('"algebra"', '"theorem other"'), "doubling.py: doubled cites 'other'; the theorems are: doubled."),
        (('"algebra"', '"theorem doubled"'), "theorems that lean on one another: doubled -> doubled"),
        (("2 * s[k]", "0.5 * s[k]"), "0.5 is no term; write a Fraction."),
        (("from gradverify", "from gradverfy"), "doubling.py cannot be loaded: ModuleNotFoundError"),
        (("THEOREMS = (", "THEOREMS = (("), "doubling.py cannot be loaded: SyntaxError"),
        (('"k")', '"k~")'), "a name is a letter, then letters, digits or underscores"),
    ],
)
def test_a_script_that_cannot_be_used_says_why(place: Path, change: tuple[str, str], message: str) -> None:
    (place / "doubling.py").write_text(SCRIPT.replace(*change))
    with pytest.raises(Misuse, match=re.escape(message)):
        load(place)


def test_an_empty_folder_is_misuse(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="there are no theorem scripts here"):
        load(tmp_path)


# Proving, writing, staleness


def test_a_refused_theorem_is_a_value_and_files_raise(place: Path) -> None:
    (place / "doubling.py").write_text(SCRIPT.replace("step(2 * Sum", "step(3 * Sum"))
    (mine,) = load(place)
    refused = prove(mine)
    assert isinstance(refused, Refused)
    assert (refused.step, refused.derivation) == (1, "doubled")
    with pytest.raises(LawBroken, match="doubled, step 1: it is false"):
        files([mine])


def test_files_are_written_once_and_staleness_names_the_file_and_the_line(place: Path) -> None:
    assert [name for name, _ in stale(place)] == ["README.md", "certificates/doubled.json", "doubling.md"]
    assert {why for _, why in stale(place)} == {"it is missing"}
    assert write(place, files(load(place))) == ["README.md", "certificates/doubled.json", "doubling.md"]
    assert stale(place) == []
    assert write(place, files(load(place))) == []
    document = place / "doubling.md"
    document.write_text(document.read_text().replace("Twice is once", "Twice is never"))
    ((name, why),) = stale(place)
    assert name == "doubling.md"
    assert re.match(r"line \d+ is '## 1. Twice is never and once more', and would be '## 1. Twice is once", why)
    document.write_bytes(document.read_bytes() + b"\n")
    assert len(stale(place)) == 1


def test_a_changed_script_makes_its_files_stale(place: Path) -> None:
    write(place, files(load(place)))
    (place / "doubling.py").write_text(SCRIPT.replace("Twice is once", "Two times is once"))
    assert [name for name, _ in stale(place)] == ["README.md", "certificates/doubled.json", "doubling.md"]


def test_a_certificate_of_no_theorem_is_stale_and_removed(place: Path) -> None:
    write(place, files(load(place)))
    left = place / "certificates" / "gone.json"
    left.write_text("{}")
    assert stale(place) == [("certificates/gone.json", "it belongs to no theorem")]
    assert write(place, files(load(place))) == ["certificates/gone.json"]
    assert not left.exists()


def test_a_document_of_no_theorem_is_told_and_left_alone(place: Path) -> None:
    write(place, files(load(place)))
    (place / "notes.md").write_text("mine\n")
    assert stale(place) == [("notes.md", "it belongs to no theorem")]
    write(place, files(load(place)))
    assert (place / "notes.md").exists()


def test_a_write_that_fails_leaves_the_old_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place, files(load(place)))
    before = (place / "doubling.md").read_bytes()
    (place / "doubling.py").write_text(SCRIPT.replace("Twice is once", "Two times is once"))
    new = files(load(place))

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(theorem.os, "replace", fail)
    with pytest.raises(OSError, match="the disk is full"):
        write(place, new)
    assert (place / "doubling.md").read_bytes() == before
    assert not [p for p in place.rglob(".*") if p.is_file()], "no half-written file is left"


def test_the_digest_covers_what_is_cited(place: Path) -> None:
    more = SCRIPT.replace("THEOREMS = (doubled,)", '''again = Derivation(
    name="again",
    title="The same again",
    left=Sum(k, 2 * s[k]),
    right=Sum(k, s[k]) + Sum(k, s[k]),
    steps=(step(Sum(k, s[k]) + Sum(k, s[k]), "theorem doubled"),),
)
THEOREMS = (again, doubled)''')  # fmt: skip
    digests = []
    for text in (more, more.replace("Twice is once", "Two times is once")):
        (place / "doubling.py").write_text(text)
        proved = prove(load(place)[0])
        assert isinstance(proved, Proved)
        digests.append(proved.digest)
    assert digests[0] != digests[1]


# What the documents look like


def formulas(text: str) -> list[str]:
    """Every inline formula, displayed blocks left out."""
    prose = re.sub(r"```math\n.*?```", "", text, flags=re.DOTALL)
    assert prose.count("$") % 2 == 0
    return re.findall(r"\$([^$]*)\$", prose)


DOCUMENTS = [name for name in texts() if name.endswith(".md")]
MACROS = set(
    re.findall("[a-z]+", "sum frac partial left right delta log max dots ell sigma times cdot sqrt mapsto mathrm")
)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_markdown_takes_nothing_in_a_formula_for_its_own(name: str) -> None:
    """Backslash before punctuation, stars, and underscores that could open emphasis would be eaten."""
    found = formulas(texts()[name])
    assert found
    for formula in found:
        assert not re.search(r"\\[^A-Za-z]", formula), formula
        assert not re.search(r"[*|`<]", formula), formula
        assert not re.search(r"(?<![A-Za-z0-9])_", formula), formula
        assert formula == formula.strip()
    blocks = re.findall(r"```math\n\s*(.*?)\n\s*```", texts()[name], flags=re.DOTALL)
    for formula in [*found, *blocks]:
        assert set(re.findall(r"\\([A-Za-z]+)", formula)) <= MACROS, formula
        assert formula.count("{") == formula.count("}")
        assert formula.count(r"\left(") == formula.count(r"\right)")


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)]*)\)", texts()[name]):
        file, _, anchor = target.partition("#")
        assert not file or file in texts(), target
        assert not anchor or f'<a id="{anchor}"></a>' in texts()[file or name], target


def test_the_ledger_gives_what_is_not_proved_the_same_prominence() -> None:
    ledger = texts()["README.md"]
    sections = re.findall(r"^## (.*)$", ledger, flags=re.MULTILINE)
    assert sections[:2] == ["What is proved", "What is not proved"]
    for t in load(ROOT / "proofs"):
        assert f"]({t.script}.md#{t.name})" in ledger
    for word in ("floating-point", "program", "exactly 0", "sum to 1", "derivatives in it exist"):
        assert word in ledger.partition("## What is not proved")[2], word


def test_a_document_says_what_it_rests_on() -> None:
    text = texts()["cross_entropy.md"]
    own = text.partition('<a id="cross_entropy_gradient"></a>')[2].partition("<a id=")[0]
    assert r"**Assumed:** labels sum to 1, that is $\sum_{k} t_k = 1$." in own
    assert r"**By the hypothesis** that labels sum to 1, $\sum_{k} t_k = 1$." in own
    assert "**By the theorem** [The gradient by the scores, whatever the labels sum to]" in own
    assert "For labels that do not sum to 1 this is false" in own
    assert "floating-point" in own
