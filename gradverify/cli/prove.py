"""``gradverify prove``: theorems for every size, proved again, and the documents and certificates that say so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradverify.cli.exits import FAILS, HOLDS
from gradverify.cli.screen import Screen

if TYPE_CHECKING:
    from gradverify.theorems.theorem import Proved, Theorem


@click.command(short_help="Prove the theorems again, and write their documents and certificates.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 where a file is out of date.")
@click.option("--list", "only_list", is_flag=True, help="Name the theorems, and prove none.")
@click.option("--show", metavar="NAME", help="Prove one theorem, and print it step by step.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="By default ./proofs, else the one that came with gradverify.",
)
def prove(names: tuple[str, ...], only_check: bool, only_list: bool, show: str | None, folder: Path | None) -> int:
    """Prove the theorems in proofs/*.py for every size, and write their documents and certificates beside them.

    With NAMEs only those are proved, and nothing is written.

    \b
    Exit code 0: all is proved, and up to date   1: a theorem is refused, or a file is out of date
              2: misuse                          3: an error of ours
    """
    from gradverify.theorems import theorem

    _one_of(names=bool(names), check=only_check, list=only_list, show=show is not None)
    screen, place = Screen(), folder if folder is not None else theorem.folder()
    theorems = theorem.load(place)
    if only_list:
        width = max(len(t.name) for t in theorems)
        for t in theorems:
            screen.line(f"{t.name:<{width}}  {t.derivation.title}")
        return HOLDS
    if show is not None:
        (shown,) = _named(theorems, (show,))
        return _print(screen, shown)
    known: dict[str, theorem.Proved] = {}
    if not _prove(screen, _named(theorems, names) if names else theorems, known):
        return FAILS
    if only_check:
        found = theorem.stale(place, theorem.files(theorems, known))
        for name, what in found:
            screen.line(f"{place / name} is out of date: {what}", "bold red")
        screen.line("run gradverify prove, and commit what it writes" if found else "every file is up to date")
        return FAILS if found else HOLDS
    if not names:
        _write(screen, theorem.files(theorems, known), place)
    return HOLDS


def _one_of(**given: bool) -> None:
    from gradverify._errors import Misuse

    used = [name if name == "names" else f"--{name}" for name, on in given.items() if on]
    if len(used) > 1:
        raise Misuse(f"prove: {' and '.join(used)} do not go together; give one of them.")


def _named(theorems: tuple[Theorem, ...], names: tuple[str, ...]) -> tuple[Theorem, ...]:
    from difflib import get_close_matches

    from gradverify._errors import Misuse

    known = {t.name: t for t in theorems}
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else "--list names them all."
            raise Misuse(f"prove: there is no theorem {name!r}; {hint}")
    return tuple(known[name] for name in names)


def _prove(screen: Screen, theorems: tuple[Theorem, ...], known: dict[str, Proved]) -> bool:
    """A line for each theorem, up to the first that is refused: then False."""
    import time

    from gradverify.theorems import theorem
    from gradverify.theorems.text import text

    begun, steps = time.process_time(), 0
    width = max(len(t.name) for t in theorems)
    for t in theorems:
        proved = theorem.prove(t, known)
        if not isinstance(proved, theorem.Proved):
            screen.line(f"refused   {t.name}", "bold red")
            screen.line(str(proved))
            return False
        steps += len(proved.accepted.steps)
        screen.line(f"proved    {t.name:<{width}}  {text(t.derivation.left)} = {text(t.derivation.right)}")
    count = f"{len(theorems)} theorem{'s' * (len(theorems) != 1)} for every size, {steps} steps"
    screen.line(f"{count}, each judged twice, in {time.process_time() - begun:.1f} s of CPU")
    return True


def _write(screen: Screen, texts: dict[str, str], place: Path) -> None:
    from gradverify.theorems import theorem

    changed = theorem.write(place, texts)
    for name in changed:
        screen.line(f"written: {place / name}")
    if not changed:
        screen.line(f"nothing to write: every file in {place} is up to date")


def _print(screen: Screen, t: Theorem) -> int:
    """One theorem as plain text: statement, then every step with its rule."""
    from gradverify.theorems import theorem
    from gradverify.theorems.text import text

    proved = theorem.prove(t)
    if not isinstance(proved, theorem.Proved):
        screen.line(str(proved))
        return FAILS
    d = t.derivation
    screen.line(d.title, "bold")
    screen.line(f"{text(d.left)} = {text(d.right)}")
    for h in d.hypotheses:
        screen.line(f"assumed: {h.name}")
    screen.line(f"    {text(d.left)}")
    for number, checked in enumerate(proved.accepted.steps, start=1):
        reasons = ", ".join((*checked.step.rules, *checked.step.uses))
        screen.line(f"{number:>2}  = {text(checked.step.expression)}    by {reasons}")
    screen.line(f"certificate {proved.digest[:12]}")
    return HOLDS
