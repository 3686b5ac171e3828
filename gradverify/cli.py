"""The command line: ``gradverify check`` and ``gradverify experiment``; nothing heavy is loaded before it is needed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradverify import __version__

if TYPE_CHECKING:
    from gradverify._verdict import Report, Verdict

HOLDS, FAILS, MISUSE, INTERNAL, UNDECIDED, NOTHING, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
STATUS = {"HOLDS": HOLDS, "FAILS": FAILS, "UNDECIDED": UNDECIDED}
COLOURS = {"HOLDS": "green", "FAILS": "bold red", "UNDECIDED": "yellow", "skipped": "dim"}
REPORT = "gradverify-report"


class Screen:
    """A terminal with a live last line, or a pipe that gets plain lines; either way rows are shown as they come."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(highlight=False, soft_wrap=True, emoji=False)
        self.live = self.console.is_terminal

    def line(self, text: str = "", style: str = "") -> None:
        """One line, whatever it holds, unwrapped and unstyled unless a style is given."""
        from rich.text import Text

        self.console.print(Text(text, style=style if self.live else ""), soft_wrap=True)

    def row(self, status: str, name: str, detail: str) -> None:
        """A row of the table: the status in its colour, the name, and what was seen."""
        from rich.text import Text

        text = Text()
        text.append(f"{status:<10}", style=COLOURS.get(status, "") if self.live else "")
        text.append(f"{name:<40}  {detail}")
        self.console.print(text, soft_wrap=True)

    @contextmanager
    def working(self) -> Iterator[Callable[[str], None]]:
        """A spinner that says what is being done, where there is a terminal to show it."""
        if not self.live:
            yield lambda text: None
            return
        with self.console.status("starting") as status:
            yield lambda text: status.update(_escaped(text))


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gradverify", message="%(prog)s %(version)s")
def cli() -> None:
    """Tells whether a derivative written by hand is right."""


@cli.command()
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
) -> None:
    """Check the derivatives in each TARGET: file.py, package.module, or either with :name.

    Without a target: our own operations and network, on real digits.

    \b
    Exit code 0: all hold           3: an error of ours
              1: something fails    4: nothing fails, a derivative is undecided
              2: misuse             5: there was nothing to check
    """
    number = _seed(seed)
    screen = Screen()
    if not targets:
        report = _own(screen, number, output)
    else:
        report = _targets(screen, targets, number, dtype, budget, strict)
    if json_file is not None:
        _write(json_file, report.to_json())
        screen.line(f"written: {json_file}")
    if not report.verdicts:
        screen.line(f"nothing to check (seed {number})")
        sys.exit(NOTHING)
    from gradverify._render import DECISIVE, summary

    screen.line(DECISIVE)
    screen.line(summary(report), COLOURS[str(report.status)])
    sys.exit(STATUS[str(report.status)])


@cli.command()
@click.argument("name", type=click.Choice(["learning-rate", "weight-amplitude"]))
@click.option("--seed", default="0", show_default=True, help='A whole number, or "random"; always printed.')
@click.option("--epochs", type=click.IntRange(min=1), help="How long to train; the default shows the whole story.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the numbers there.")
@click.option("--output", type=click.Path(file_okay=False, path_type=Path), default=REPORT, show_default=True,
              help="Where the figure goes.")  # fmt: skip
def experiment(name: str, seed: str, epochs: int | None, json_file: Path | None, output: Path) -> None:
    """Train the verified network on digits: three learning rates, or the weights' amplitude by layer."""
    import json

    from gradverify import experiments

    number = _seed(seed)
    screen = Screen()
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


def _seed(text: str) -> int:
    import secrets

    if text == "random":
        return secrets.randbelow(2**31)
    if not text.isdigit():
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
    texts: list[str] = []
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
                texts.append(f"{row.text}\nfigure: {row.figure}")
                screen.row("ran", f"the {row.name} experiment", row.figure)
    report = Report(tuple(verdicts), seed, (), tuple(skipped))
    for text in texts:
        screen.line()
        screen.line(text)
    screen.line()
    _show_failures(screen, report)
    _write(output / "report.json", report.to_json())
    screen.line(f"report: {output / 'report.json'}")
    return report


def _targets(
    screen: Screen, targets: tuple[str, ...], seed: int, dtype: tuple[str, ...], budget: float | None, strict: bool
) -> Report:
    """Every target's Subjects, a row each, and then what failed and what was passed over."""
    from gradverify._check import run, untouched_state
    from gradverify._errors import Misuse
    from gradverify._tally import Budget
    from gradverify._verdict import Report
    from gradverify.adapters.discover import discover
    from gradverify.adapters.subjects import Request, floating_types, subjects_of
    from gradverify.laws import laws_of
    from gradverify.sampling import Sampling

    request = Request(dtypes=floating_types(dtype or None))
    verdicts: list[Verdict] = []
    notes: list[str] = []
    skipped: list[str] = []
    with untouched_state(), screen.working() as show:
        for target in targets:
            holds = discover(target, request)
            skipped += [f"{target}: {reason}" for reason in holds.skipped]
            for found in holds.found:
                show(f"{target}: {found.name}")
                try:
                    subjects, assumed = subjects_of(found.f, found.rules, found.request)
                except Misuse as unreadable:
                    skipped.append(f"{target}: {unreadable}")
                    continue
                notes += assumed
                for subject in subjects:
                    meter = Budget(budget)
                    tried = run(subject, laws_of(subject.spec), Sampling(), seed=seed, budget=meter, strict=strict)
                    verdicts += (own := tuple(tried))
                    _show_subject(screen, own)
    report = Report(tuple(verdicts), seed, tuple(notes), tuple(skipped))
    _show_failures(screen, report)
    return report


def _show_subject(screen: Screen, own: tuple[Verdict, ...]) -> None:
    """One row for a subject: its status, how many laws hold, how many trials were decisive, the least mistake seen."""
    from gradverify._render import clean
    from gradverify._verdict import Report

    status = str(Report(own).status)
    holds = sum(v.status == "HOLDS" for v in own)
    share = f"{sum(v.decisive for v in own)} of {sum(v.trials for v in own)} trials decisive"
    seconds = f"{sum(v.seconds for v in own):.1f} s"
    least = max((v.smallest for v in own if v.derivative and v.smallest), default=None)
    seen = f", sees {least:.0e}" if least is not None else ""
    screen.row(status, clean(own[0].subject)[:60], f"{holds} of {len(own)} laws hold, {share}{seen}, {seconds}")
    for v in own:
        if v.status == "UNDECIDED" and v.derivative:
            screen.line(f"          {v.law}: {clean(v.reason)}")


def _show_failures(screen: Screen, report: Report) -> None:
    from gradverify._render import clean, failure

    for v in report.verdicts:
        if v.status == "FAILS":
            first, *rest = failure(v)
            screen.line()
            screen.line(first, COLOURS["FAILS"])
            for text in rest:
                screen.line(text)
    if report.findings:
        screen.line()
    for note in report.notes:
        screen.line(f"note: {clean(note)}")
    for reason in report.skipped:
        screen.line(f"skipped: {clean(reason)}", COLOURS["skipped"])


def _write(path: Path, text: str) -> None:
    from gradverify.embedded import write

    write(path, text + "\n")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code; whatever goes wrong is told in one line."""
    try:
        cli.main(args=arguments, standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException as misuse:
        misuse.show()
        sys.exit(MISUSE)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(HOLDS)
    except Exception as failure:
        from gradverify._errors import GradverifyError

        if isinstance(failure, GradverifyError):
            click.echo(f"gradverify: {failure}", err=True)
            sys.exit(MISUSE)
        _internal(failure)


def _internal(failure: Exception) -> None:
    import os
    import traceback

    if os.environ.get("GRADVERIFY_TRACEBACK"):
        traceback.print_exception(failure)
    place = traceback.extract_tb(failure.__traceback__)[-1]
    where = f"{Path(place.filename).name}, line {place.lineno}"
    click.echo(
        f"gradverify: an error of ours, {type(failure).__name__}: {failure} ({where}). "
        "Please report it; GRADVERIFY_TRACEBACK=1 shows all of it.",
        err=True,
    )
    sys.exit(INTERNAL)
