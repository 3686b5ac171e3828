"""Theorems: the scripts of a proofs folder, what is proved of them, and the files that say so.

A script is a plain Python module that defines ``THEOREMS``, a tuple of derivations; its docstring introduces its
document. Documents, certificates and the ledger are generated: ``files`` gives their texts, ``stale`` says which
of those on disk differ, ``write`` writes them.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from gradverify._errors import LawBroken, Misuse
from gradverify.explain import load as load_script
from gradverify.theorems.acceptance import Accepted, Refused, accept
from gradverify.theorems.certificate import certificate, printed, read
from gradverify.theorems.derivation import Derivation
from gradverify.theorems.document import DIGITS_SHOWN, Chapter, Entry, document, ledger
from gradverify.theorems.instance import LARGEST
from gradverify.theorems.text import text

CERTIFICATES, LEDGER = "certificates", "README.md"


@dataclass(frozen=True)
class Theorem:
    """A derivation, the script it stands in, and the theorems it leans on."""

    script: str
    introduction: str
    derivation: Derivation
    cited: tuple[Theorem, ...] = ()

    @property
    def name(self) -> str:
        """The name by which it is asked for and cited."""
        return self.derivation.name


@dataclass(frozen=True)
class Proved:
    """A theorem that both judges accept, with its certificate."""

    theorem: Theorem
    accepted: Accepted
    certificate: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """The certificate's digest: of the statement, of every step, and of the theorems it leans on."""
        return str(self.certificate["digest"])


# -- loading -------------------------------------------------------------------------------------------------------


def folder() -> Path:
    """The proofs folder: ./proofs where it holds theorem scripts, else this repository's, else the one in the wheel."""
    package = Path(__file__).resolve().parents[1]
    tried = (Path("proofs"), package.parent / "proofs", package / "_proofs")
    for place in tried:
        if _scripts(place):
            return place
    raise Misuse(f"there are no theorem scripts in {', '.join(map(str, tried))}; say where they are.")


def _scripts(place: Path) -> list[Path]:
    return [path for path in sorted(place.glob("*.py")) if "THEOREMS" in path.read_text(encoding="utf-8")]


def load(place: Path) -> tuple[Theorem, ...]:
    """Every theorem of a folder: scripts after those they lean on, else by name; within one, in its own order."""
    found: dict[str, tuple[str, str, Derivation]] = {}
    for path in _scripts(place):
        module = _loaded(path)
        derivations = getattr(module, "THEOREMS", None)
        if not isinstance(derivations, tuple) or not all(isinstance(d, Derivation) for d in derivations):
            raise Misuse(f"{path}: THEOREMS has to be a tuple of Derivations.")
        for d in derivations:
            if d.name in found:
                raise Misuse(f"{path}: there is a theorem {d.name!r} already, in {found[d.name][0]}.py; rename one.")
            found[d.name] = (path.stem, (module.__doc__ or "").strip(), d)
    if not found:
        raise Misuse(f"{place}: there are no theorem scripts here.")
    done: dict[str, Theorem] = {}
    for name in found:
        _resolve(name, found, done, ())
    theorems = tuple(done[name] for name in found)
    scripts = _in_order(theorems)
    return tuple(sorted(theorems, key=lambda theorem: scripts.index(theorem.script)))


def _in_order(theorems: Sequence[Theorem]) -> list[str]:
    """The scripts, each after those it leans on."""
    needs: dict[str, set[str]] = {}
    for theorem in theorems:
        needs.setdefault(theorem.script, set()).update(other.script for other in theorem.cited)
    out: list[str] = []

    def visit(script: str, trail: tuple[str, ...]) -> None:
        for other in sorted(needs[script] - {script, *trail}):
            visit(other, (*trail, script))
        if script not in out:
            out.append(script)

    for script in sorted(needs):
        visit(script, ())
    return out


def _loaded(path: Path) -> ModuleType:
    try:
        return load_script(str(path))
    except Exception as wrong:  # whatever a script may raise
        raise Misuse(f"{path} cannot be loaded: {type(wrong).__name__}: {wrong}") from wrong


def _resolve(
    name: str, found: Mapping[str, tuple[str, str, Derivation]], done: dict[str, Theorem], trail: tuple[str, ...]
) -> Theorem:
    if name in done:
        return done[name]
    if name in trail:
        raise Misuse(f"theorems that lean on one another: {' -> '.join((*trail[trail.index(name) :], name))}.")
    script, introduction, d = found[name]
    missing = [other for other in d.cites if other not in found]
    if missing:
        raise Misuse(f"{script}.py: {name} cites {missing[0]!r}; the theorems are: {', '.join(sorted(found))}.")
    cited = tuple(_resolve(other, found, done, (*trail, name)) for other in d.cites)
    done[name] = Theorem(script, introduction, d, cited)
    return done[name]


# -- proving -------------------------------------------------------------------------------------------------------


def prove(theorem: Theorem, known: dict[str, Proved] | None = None) -> Proved | Refused:
    """Judge a theorem, and first those that it leans on; ``known`` keeps what has been proved."""
    known = {} if known is None else known
    if theorem.name not in known:
        for other in theorem.cited:
            leaned_on = prove(other, known)
            if isinstance(leaned_on, Refused):
                return leaned_on
        judged = accept(theorem.derivation, {other.name: other.derivation for other in theorem.cited})
        if isinstance(judged, Refused):
            return judged
        digests = {other.name: known[other.name].digest for other in theorem.cited}
        known[theorem.name] = Proved(theorem, judged, certificate(judged, digests))
    return known[theorem.name]


def prove_all(theorems: Iterable[Theorem], known: dict[str, Proved] | None = None) -> tuple[Proved, ...]:
    """All of them; raises LawBroken with the refusal of the first that is not proved."""
    known = {} if known is None else known
    out = []
    for theorem in theorems:
        proved = prove(theorem, known)
        if isinstance(proved, Refused):
            raise LawBroken(str(proved))
        out.append(proved)
    return tuple(out)


def told(proved: Proved) -> str:
    """A proved theorem in plain text, for a terminal: the statement, what it assumes, and every step with its rules."""
    d = proved.theorem.derivation
    assumed = [f"{h.name}: {text(h.left)} = {text(h.right)}" for h in d.hypotheses]
    assumed += [f"{a.name} > 0" for a in d.positive] + [f"{text(t)} is not 0" for t in d.nonzero]
    every = ", ".join([*(s.name for s in d.sizes), *(i.name for i in d.left.in_order)])
    lines = [f"{d.name}: {d.title}", f"  for every {every}: {text(d.left)} = {text(d.right)}"]
    lines += [f"  assuming {line}" for line in assumed] + ["", f"    {text(d.left)}"]
    for checked in proved.accepted.steps:
        uses = f" ({', '.join(checked.step.uses)})" if checked.step.uses else ""
        lines += [f"  = {text(checked.step.expression)}", f"      {', '.join(checked.step.rules)}{uses}"]
    made = sum(c.comparisons for c in proved.accepted.steps)
    return "\n".join(
        [*lines, "", f"  {made} comparisons at sizes 1 to {LARGEST} agree; {proved.digest[:DIGITS_SHOWN]}"]
    )


def recheck(certified: str, cited: Mapping[str, Derivation] | None = None) -> Accepted:
    """Read a certificate and judge it again; raises LawBroken where it is refused or not what we would have printed."""
    derivation, words = read(certified)
    judged = accept(derivation, cited)
    if isinstance(judged, Refused):
        raise LawBroken(str(judged))
    again = printed(certificate(judged, words["cites"])) + "\n"
    if again != certified:
        raise LawBroken(f"{derivation.name}: the certificate has been edited: {difference(certified, again)}.")
    return judged


# -- files ---------------------------------------------------------------------------------------------------------


def files(theorems: Sequence[Theorem], known: dict[str, Proved] | None = None) -> dict[str, str]:
    """Every generated file by its path in the folder: documents, certificates, the ledger."""
    proved = prove_all(theorems, known)
    texts = {f"{CERTIFICATES}/{p.theorem.name}.json": printed(p.certificate) + "\n" for p in proved}
    where = {p.theorem.name: p.theorem.script for p in proved}
    entries = [Entry(p.theorem.script, p.accepted, p.digest) for p in proved]
    chapters = []
    for script in dict.fromkeys(where.values()):
        own = [e for e in entries if e.script == script]
        introduction = next(p.theorem.introduction for p in proved if p.theorem.script == script)
        chapters.append(Chapter(script, introduction, tuple(own)))
    texts |= {f"{chapter.script}.md": document(chapter, where) for chapter in chapters}
    return texts | {LEDGER: ledger(chapters)}


def stale(place: Path, texts: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    """Each file that is not what the theorems say now, and what differs; nothing when all is up to date."""
    texts = files(load(place)) if texts is None else texts
    found = []
    for name, now in sorted(texts.items()):
        path = place / name
        if not path.is_file():
            found.append((name, "it is missing"))
        elif (there := path.read_bytes()) != now.encode():
            found.append((name, difference(there.decode(errors="replace"), now)))
    return found + [(name, "it belongs to no theorem") for name in orphans(place, texts)]


def orphans(place: Path, texts: Mapping[str, str]) -> list[str]:
    """Certificates and documents on disk that no theorem generates."""
    there = [*place.glob(f"{CERTIFICATES}/*.json"), *place.glob("*.md")]
    return sorted(name for path in there if (name := path.relative_to(place).as_posix()) not in texts)


def difference(there: str, now: str) -> str:
    """The first line in which two texts differ."""
    old, new = there.split("\n"), now.split("\n")
    for number, (a, b) in enumerate(zip(old, new, strict=False), start=1):
        if a != b:
            return f"line {number} is {_short(a)}, and would be {_short(b)}"
    return f"it has {len(old)} lines, and would have {len(new)}"


def _short(line: str) -> str:
    return repr(line if len(line) <= 80 else line[:77] + "...")


def write(place: Path, texts: Mapping[str, str]) -> list[str]:
    """Write what differs, each file whole or not at all, and remove certificates of no theorem; what was changed."""
    changed = []
    for name, now in sorted(texts.items()):
        path = place / name
        if not path.is_file() or path.read_bytes() != now.encode():
            _write(path, now)
            changed.append(name)
    for name in orphans(place, texts):
        if name.startswith(f"{CERTIFICATES}/"):
            (place / name).unlink()
            changed.append(name)
    return changed


def _write(path: Path, now: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(now.encode())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
