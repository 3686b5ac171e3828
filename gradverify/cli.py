"""The command line: ``gradverify check`` and ``gradverify experiment``; nothing heavy is loaded before it is needed."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradverify import __version__

if TYPE_CHECKING:
    from gradverify._verdict import Report, Verdict
    from gradverify.adapters.discover import Found

HOLDS, FAILS, MISUSE, INTERNAL, UNDECIDED, NOTHING, INTERRUPTED, UNHEARD = 0, 1, 2, 3, 4, 5, 130, 141
STATUS = {"HOLDS": HOLDS, "FAILS": FAILS, "UNDECIDED": UNDECIDED}
COLOURS = {"HOLDS": "green", "FAILS": "bold red", "UNDECIDED": "yellow", "skipped": "dim"}
REPORT = "gradverify-report"
LONGEST = 60  # characters of a name that a row shows
SEES = "sees: the smallest relative mistake of an argument that every decided cell would have shown"
IN_A_FILE = 'annotate each argument, as x: Annotated[np.ndarray, gv.Box("n k")]'
CACHED = "; it was tried as f(x...) -> (out, cache) with backward(dout, cache)"


class Unheard(Exception):
    """Whoever read our output has gone."""


class Screen:
    """A terminal with a live last line, or a pipe that gets plain lines; either way rows are shown as they come."""

    def __init__(self) -> None:
        from rich.console import Console

        class Ours(Console):
            def on_broken_pipe(self) -> None:
                """Leave it to ``main``: rich and click would exit with 1, which means FAILS here."""
                raise Unheard

        self.console = Ours(highlight=False, soft_wrap=True, emoji=False)
        self.coloured = self.console.is_terminal
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
            self.line(_aligned("", "subject", "laws", "decisive", "sees", "time"), "dim")
        line = _aligned(status, name, *cells)
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
            yield lambda text: status.update(_escaped(text))


def _aligned(status: str, name: str, *cells: str) -> str:
    """Status, name, and either one remark or the numbers under laws, decisive, sees and time."""
    from gradverify._render import clean

    shown = clean(name)
    shown = shown if len(shown) <= LONGEST else shown[: LONGEST - 3] + "..."
    if len(cells) == 1:
        return f"{status:<10}{shown:<32}  {clean(cells[0])}"
    laws, decisive, sees, seconds = cells
    return f"{status:<10}{shown:<32}{laws:>7}{decisive:>11}{sees:>8}{seconds:>8}"


def _escaped(text: str) -> str:
    from rich.markup import escape

    from gradverify._render import clean

    return escape(clean(text))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gradverify", message="%(prog)s %(version)s")
def cli() -> None:
    """Tells whether a derivative written by hand is right."""


@cli.command(short_help="Check the derivatives in files or modules; without any, our own.")
@click.argument("targets", nargs=-1, metavar="[TARGET]...")
@click.option("--seed", default="0", show_default=True, help='A whole number, or "random"; always printed.')
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the report there.")
@click.option("--dtype", multiple=True, help="float64, float32 or float16; may be given several times.")
@click.option("--budget", type=float, help="Seconds for each subject.")
@click.option("--strict", is_flag=True, help="Refuse values that are right by the chain rule only.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=REPORT, show_default=True,
              help="Where the report and figures go when there is no target.")  # fmt: skip
def check(
    targets: tuple[str, ...],
    seed: str,
    json_file: Path | None,
    dtype: tuple[str, ...],
    budget: float | None,
    strict: bool,
    output: Path,
) -> int:
    """Check the derivatives in each TARGET: file.py, package.module, or either with :name.

    Without a target: our own operations and network, on real digits.

    \b
    Exit code 0: all hold           3: an error of ours
              1: something fails    4: nothing fails, a derivative is undecided
              2: misuse             5: there was nothing to check
    """
    from gradverify._render import DECISIVE, summary

    number, screen = _seed(seed), Screen()
    if seed == "random":
        screen.line(f"seed {number}")  # at once, so that an interrupted run can be repeated
    if json_file is not None:
        _make_room(json_file.parent, "--json")
    if targets:
        report = _targets(screen, targets, number, dtype, budget, strict)
    else:
        _only_with_targets(dtype=bool(dtype), budget=budget is not None, strict=strict)
        _make_room(output, "--output")
        report = _own(screen, number, output)
    if json_file is not None:
        _write(json_file, report.to_json())
        screen.line(f"written: {json_file}")
    if not report.verdicts:
        screen.line(f"nothing to check (seed {number})")
        return NOTHING
    if any(v.decisive for v in report.verdicts):
        screen.line(DECISIVE)
        screen.line(SEES)
    screen.line(summary(report), COLOURS[str(report.status)])
    return STATUS[str(report.status)]


def _only_with_targets(**given: bool) -> None:
    from gradverify._errors import Misuse

    for name in (name for name, used in given.items() if used):
        raise Misuse(f"--{name} is for a TARGET; without one our own operations are checked as they are.")


def _make_room(folder: Path, option: str) -> None:
    """The folder, made if need be, before any work is done for what shall be written there."""
    from gradverify._errors import Misuse

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as refusal:
        raise Misuse(f"{option}: the folder {folder} cannot be made: {refusal.strerror}.") from None
    if not os.access(folder, os.W_OK):
        raise Misuse(f"{option}: nothing can be written to the folder {folder}.")


@cli.command(short_help="Train the verified network on digits, and draw what happens.")
@click.argument("name", type=click.Choice(["learning-rate", "weight-amplitude"]))
@click.option("--seed", default="0", show_default=True, help='A whole number, or "random"; always printed.')
@click.option("--epochs", type=click.IntRange(min=1), help="How long to train; the default shows the whole story.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the numbers there.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=REPORT, show_default=True,
              help="Where the figure goes.")  # fmt: skip
def experiment(name: str, seed: str, epochs: int | None, json_file: Path | None, output: Path) -> int:
    """Train the verified network on digits: three learning rates, or the weights' amplitude by layer."""
    import json

    from gradverify import experiments

    number, screen = _seed(seed), Screen()
    _make_room(output, "--output")
    if json_file is not None:
        _make_room(json_file.parent, "--json")
    run: Any = getattr(experiments, name.replace("-", "_"))
    extra = {} if epochs is None else {"epochs": epochs}
    with screen.working() as show:
        result = run(seed=number, progress=lambda done, of, *_: show(f"epoch {done} of {of}"), **extra)
        path = output / f"{name}.png"
        result.figure(str(path))
    screen.line(str(result))
    screen.line(f"figure: {path}")
    if json_file is not None:
        _write(json_file, json.dumps(result.to_json(), indent=1, sort_keys=True))
        screen.line(f"written: {json_file}")
    screen.line(f"seed {number}")
    return HOLDS


def _seed(text: str) -> int:
    import secrets

    if text == "random":
        return secrets.randbelow(2**31)
    if not (text.isascii() and text.isdigit()):
        from gradverify._errors import Misuse

        raise Misuse(f'--seed {text}: give a whole number >= 0, or "random".')
    return int(text)


def _own(screen: Screen, seed: int, output: Path) -> Report:
    """The embedded default, row by row, and its report folder."""
    from gradverify import embedded
    from gradverify._verdict import Report

    screen.line("gradverify's own operations and network, under every law they promise", "bold")
    verdicts: list[Verdict] = []
    skipped: list[str] = []
    ran: list[embedded.Row] = []
    with screen.working() as show:
        begin = [""]

        def started(name: str) -> None:
            begin[0] = name
            show(name)

        def far(done: int, of: int) -> None:
            show(f"{begin[0]}: {100 * done // max(of, 1)} %")

        for row in embedded.rows(seed=seed, output=output, progress=far, begin=started):
            if row.missing:
                screen.row("skipped", row.name, row.missing)
                skipped.append(f"{row.name}: {row.missing}")
            elif row.verdicts:
                verdicts += row.verdicts
                _show_subject(screen, row.verdicts)
            else:
                ran.append(row)
                screen.row("ran", f"{row.name} experiment", row.figure)
    report = Report(tuple(verdicts), seed, (), tuple(skipped), {"experiments": {row.name: row.data for row in ran}})
    for row in ran:
        screen.line()
        screen.line(f"{row.text}\nfigure: {row.figure}")
    screen.line()
    _show_failures(screen, report)
    _write(output / "report.json", report.to_json())
    screen.line(f"report: {output / 'report.json'}")
    return report


def _targets(
    screen: Screen, targets: tuple[str, ...], seed: int, dtype: tuple[str, ...], budget: float | None, strict: bool
) -> Report:
    """Every target's Subjects, a row each, and then what failed and what was passed over."""
    from dataclasses import replace

    from gradverify._check import run, untouched_state
    from gradverify._errors import Misuse
    from gradverify._render import clean
    from gradverify._tally import Budget
    from gradverify._verdict import Report
    from gradverify.adapters.discover import discover
    from gradverify.adapters.subjects import Request, floating_types, subjects_of
    from gradverify.laws import laws_of
    from gradverify.sampling import Sampling

    Budget(budget)  # refuses what is no budget before anything is loaded
    request = Request(dtypes=floating_types(dtype or None))
    verdicts: list[Verdict] = []
    notes: list[str] = []
    skipped: list[str] = []

    def judged(found: Found) -> Iterator[tuple[Verdict, ...]]:
        try:
            subjects, assumed = subjects_of(found.f, found.rules, found.request)
            notes.extend(f"{where}{note}" for note in assumed)
            for subject in subjects:
                meter = Budget(budget)
                tried = run(subject, laws_of(subject.spec), Sampling(), seed=seed, budget=meter, strict=strict)
                yield tuple(tried)
        except Misuse as unreadable:
            reason, hint, _ = str(unreadable).removeprefix(f"{found.request.name}: ").partition("; write inputs=")
            form = CACHED if hint and "backward" in found.rules else ""
            yield (_undecided(found, f"{reason}{form}; {IN_A_FILE}" if hint else reason),)
        except SystemExit as end:
            yield (_undecided(found, f"its code called sys.exit({end.code!r}) while it was judged; let it raise"),)

    with untouched_state(), screen.working() as show:
        for target in dict.fromkeys(targets):
            where = f"{target.rpartition(':')[0] or target}: " if len(set(targets)) > 1 else ""
            holds = discover(target, request)
            skipped += [f"{target}: {reason}" for reason in holds.skipped]
            for found in holds.found:
                show(f"{target}: {found.name}")
                for own in judged(found):
                    named = tuple(replace(v, subject=f"{where}{v.subject}") for v in own)
                    verdicts += named
                    _show_subject(screen, named, remarks=True)
    report = Report(tuple(verdicts), seed, tuple(dict.fromkeys(notes)), tuple(skipped))
    _show_failures(screen, report)
    for note in report.notes:
        screen.line(f"note: {clean(note)}")
    for reason in report.skipped:
        screen.line(f"skipped: {clean(reason)}", COLOURS["skipped"])
    return report


def _undecided(found: Found, reason: str) -> Verdict:
    """A derivative is claimed, and nothing could be tried: that is no reason to pass."""
    from gradverify._verdict import Status, Verdict
    from gradverify.laws import pullback_is_the_derivative as pullback
    from gradverify.laws import pushforward_is_the_derivative as pushforward

    law = pushforward if tuple(found.rules) == ("jvp",) else pullback
    return Verdict(
        found.request.name or found.name,
        law.name,
        law.statement,
        Status.UNDECIDED,
        "Sampling",
        reason=reason,
        derivative=True,
    )


def _show_subject(screen: Screen, own: tuple[Verdict, ...], *, remarks: bool = False) -> None:
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
    for v in own:
        if v.status == "UNDECIDED" and v.derivative:
            screen.line(f"          {v.law}: {clean(v.reason)}")
        for note in v.notes if remarks and v.derivative else ():
            screen.line(f"          {clean(note)}")


def _show_failures(screen: Screen, report: Report) -> None:
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


def _write(path: Path, text: str) -> None:
    from gradverify.embedded import write

    write(path, text + "\n")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code; whatever goes wrong is told in one line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the terminal cannot show ends no run
    try:
        code = cli.main(args=arguments, prog_name="gradverify", standalone_mode=False)
        sys.stdout.flush()
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("gradverify: interrupted", err=True)
        code = INTERRUPTED
    except click.ClickException as misuse:
        misuse.show()
        code = MISUSE
    except (Unheard, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the last flush would complain
        code = UNHEARD
    except Exception as failure:
        code = _told(failure)
    sys.exit(code)


def _told(failure: Exception) -> int:
    """Misuse in its own words; anything else is an error of ours."""
    import traceback

    from gradverify._errors import GradverifyError
    from gradverify._render import clean

    if isinstance(failure, GradverifyError):
        click.echo(f"gradverify: {clean(str(failure))}", err=True)
        return MISUSE
    if os.environ.get("GRADVERIFY_TRACEBACK"):
        traceback.print_exception(failure)
    place = traceback.extract_tb(failure.__traceback__)[-1]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    click.echo(
        f"gradverify: an error of ours, {type(failure).__name__}: {clean(str(failure))} ({where}). "
        "Please report it; GRADVERIFY_TRACEBACK=1 shows all of it.",
        err=True,
    )
    return INTERNAL
