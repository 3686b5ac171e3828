"""``gradverify check``: the derivatives in files or modules, or without any our own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradverify.cli.exits import NOTHING, STATUS
from gradverify.cli.options import REPORT, make_room, seed_of, write
from gradverify.cli.screen import COLOURS, Screen, show_failures, show_methods, show_refuted, show_subject

if TYPE_CHECKING:
    from gradverify._verdict import Report, Verdict
    from gradverify.adapters.discover import Found

SEES = "sees: the smallest relative mistake of an argument that every decided cell would have shown"
IN_A_FILE = 'annotate each argument, as x: Annotated[np.ndarray, gv.Box("n k")]'
CACHED = "; it was tried as f(x...) -> (out, cache) with backward(dout, cache)"


@click.command(short_help="Check the derivatives in files or modules; without any, our own.")
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
    from gradverify._render import CHANCES, DECISIVE, summary, tried

    head = () if targets else ("proved", "searched", "sampled", "sees", "time")
    number, screen = seed_of(seed), Screen(*head)
    if seed == "random":
        screen.line(f"seed {number}")  # at once, so that an interrupted run can be repeated
    if json_file is not None:
        make_room(json_file.parent, "--json")
    if targets:
        report = _targets(screen, targets, number, dtype, budget, strict)
    else:
        _only_with_targets(dtype=bool(dtype), budget=budget is not None, strict=strict)
        make_room(output, "--output")
        report = _own(screen, number, output)
    if json_file is not None:
        write(json_file, report.to_json())
        screen.line(f"written: {json_file}")
    if not report.verdicts:
        screen.line(f"nothing to check (seed {number})")
        return NOTHING
    if any(v.decisive for v in report.verdicts):
        screen.line(DECISIVE)
        screen.line(SEES)
    if tried(report):
        screen.line(CHANCES)
    screen.line(summary(report), COLOURS[str(report.status)])
    return STATUS[str(report.status)]


def _only_with_targets(**given: bool) -> None:
    from gradverify._errors import Misuse

    for name in (name for name, used in given.items() if used):
        raise Misuse(f"--{name} is for a TARGET; without one our own operations are checked as they are.")


def _own(screen: Screen, seed: int, output: Path) -> Report:
    """The embedded default, row by row, and its report folder."""
    from gradverify import embedded
    from gradverify._verdict import Report

    screen.line("gradverify's own operations and network, under every law they promise", "bold")
    verdicts: list[Verdict] = []
    skipped: list[str] = []
    ran: list[embedded.Row] = []
    refuted: list[embedded.Row] = []
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
                show_methods(screen, row.verdicts)
            elif row.refuted:
                refuted.append(row)
                show_refuted(screen, row.name, row.refuted)
            elif row.figure:
                ran.append(row)
                screen.row("ran", f"{row.name} experiment", row.figure)
            else:
                screen.row("proved", row.name, row.text)
    facts = {
        "experiments": {row.name: row.data for row in ran},
        "refuted": {row.name: {v.by: v.findings[0].place for v in row.refuted} for row in refuted},
    }
    report = Report(tuple(verdicts), seed, (), tuple(skipped), facts)
    for row in ran:
        screen.line()
        screen.line(f"{row.text}\nfigure: {row.figure}")
    screen.line()
    show_failures(screen, report)
    write(output / "report.json", report.to_json())
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
                    show_subject(screen, named, remarks=True)
    report = Report(tuple(verdicts), seed, tuple(dict.fromkeys(notes)), tuple(skipped))
    show_failures(screen, report)
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
