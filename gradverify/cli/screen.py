"""What a person sees: rows as they come, failures in full, a spinner where there is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gradverify.cli.exits import Unheard

if TYPE_CHECKING:
    from gradverify._verdict import Report, Verdict

COLOURS = {"HOLDS": "green", "FAILS": "bold red", "UNDECIDED": "yellow", "skipped": "dim", "proved": "green"}
WIDE = 10  # characters of a column of numbers
LONGEST = 60  # characters of a name that a row shows


class Screen:
    """A terminal with a live last line, or a pipe that gets plain lines; either way rows are shown as they come."""

    def __init__(self, *head: str) -> None:
        from rich.console import Console

        class Ours(Console):
            def on_broken_pipe(self) -> None:
                """Leave it to ``main``: rich and click would exit with 1, which means FAILS here."""
                raise Unheard

        self.console = Ours(highlight=False, soft_wrap=True, emoji=False)
        self.coloured = self.console.is_terminal
        self.head = head or ("laws", "decisive", "sees", "time")
        self.headed = False

    def line(self, text: str = "", style: str = "") -> None:
        """One line, whatever it holds, never wrapped, unstyled unless a style is given."""
        from rich.text import Text

        self.console.print(Text(text, style=style if self.coloured else ""), soft_wrap=True)

    def row(self, status: str, name: str, *cells: str) -> None:
        """A row of the table, below its head: the status in its colour, the name, and numbers or a remark."""
        from rich.text import Text

        if not self.headed:
            self.headed = True
            self.line(aligned("", "subject", *self.head), "dim")
        line = aligned(status, name, *cells)
        text = Text(line)
        if self.coloured:
            text.stylize(COLOURS.get(status, ""), 0, len(status))
        self.console.print(text, soft_wrap=True)

    @contextmanager
    def working(self) -> Iterator[Callable[[str], None]]:
        """A spinner that says what is being done, where there is a terminal to show it."""
        if not sys.stdout.isatty():
            yield lambda text: None
            return
        with self.console.status("starting") as status:
            yield lambda text: status.update(escaped(text))


def aligned(status: str, name: str, *cells: str) -> str:
    """Status, name, and either one remark or the numbers under the head."""
    from gradverify._render import clean

    shown = clean(name)
    shown = shown if len(shown) <= LONGEST else shown[: LONGEST - 3] + "..."
    if len(cells) == 1:
        return f"{status:<10}{shown:<32}  {clean(cells[0])}"
    return f"{status:<10}{shown:<32}" + "".join(f"{cell:>{WIDE}}" for cell in cells)


def escaped(text: str) -> str:
    """The text with nothing in it that the terminal would act on."""
    from rich.markup import escape

    from gradverify._render import clean

    return escape(clean(text))


def show_subject(screen: Screen, own: tuple[Verdict, ...], *, remarks: bool = False) -> None:
    """One row for a subject: its status, the laws that hold, the decisive trials, the least mistake seen, the time."""
    from gradverify._render import clean
    from gradverify._verdict import Report

    holds = sum(v.status == "HOLDS" for v in own)
    least = max((v.smallest for v in own if v.derivative and v.smallest), default=None)
    screen.row(
        str(Report(own).status),
        own[0].subject,
        f"{holds}/{len(own)}",
        f"{sum(v.decisive for v in own)}/{sum(v.trials for v in own)}",
        "-" if least is None else f"{least:.0e}",
        f"{sum(v.seconds for v in own):.1f} s",
    )
    show_undecided(screen, own)
    for v in own:
        for note in v.notes if remarks and v.derivative else ():
            screen.line(f"          {clean(note)}")


def show_methods(screen: Screen, own: tuple[Verdict, ...]) -> None:
    """One row for a subject under several methods: of its laws, how many are proved, searched and sampled."""
    from gradverify._verdict import Report

    cells = []
    for by in ("Proof", "Search", "Sampling"):
        some = [v for v in own if v.by.startswith(by)]
        cells.append(f"{sum(v.status == 'HOLDS' for v in some)}/{len(some)}" if some else "-")
    least = max((v.smallest for v in own if v.derivative and v.smallest), default=None)
    seconds = f"{sum(v.seconds for v in own):.1f} s"
    screen.row(str(Report(own).status), own[0].subject, *cells, "-" if least is None else f"{least:.0e}", seconds)
    show_undecided(screen, own)


def show_undecided(screen: Screen, own: tuple[Verdict, ...]) -> None:
    """Why a derivative stayed undecided, a line each."""
    from gradverify._render import clean

    for v in own:
        if v.status == "UNDECIDED" and v.derivative:
            screen.line(f"          {v.law}, by {v.by}: {clean(v.reason)}")


def show_refuted(screen: Screen, what: str, verdicts: tuple[Verdict, ...]) -> None:
    """A mistake, and what each method holds against it."""
    from gradverify._render import clean, sides

    screen.row("refuted", what, f"by {', '.join(v.by for v in verdicts)}")
    for v in verdicts:
        f = v.findings[0]
        claimed, expected = sides(f)
        screen.line(f"          {v.by:<9} {clean(f.place)}: claimed {claimed}, expected {expected}")


def show_failures(screen: Screen, report: Report) -> None:
    """Every failure in full, with the line that runs it again."""
    from gradverify._render import failure

    for v in report.verdicts:
        if v.status == "FAILS":
            first, *rest = failure(v)
            screen.line()
            screen.line(first, COLOURS["FAILS"])
            for text in rest:
                before, again, line = text.partition("  again: ")
                if again and not before:
                    screen.line("  again, pasted into Python in this folder:")
                    text = line
                screen.line(text)
    if report.findings:
        screen.line()
