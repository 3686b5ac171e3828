"""A Report as plain text, Markdown and JSON; what it shows of the user's is escaped, and numbers keep their digits."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gradverify._cause import KINDS
from gradverify._chance import CHANCE, TIMES

if TYPE_CHECKING:
    from gradverify._verdict import Finding, Report, Verdict

DECISIVE = "decisive: a sign, a lost entry, or 1 % (16 eps of the type, if that is more) would have been seen"
CHANCES = (
    f"chance: below {CHANCE:.0e} that a right rule FAILS (if it rounds as measured), "
    f"or a point misses {TIMES} times what it sees"
)
PROVED = "zero modulo two random 61-bit primes, wrong with a chance below 2^-100"
SIDES = {"inputs_are_left_unchanged": ("now", "before")}  # where they are not what is claimed and what is expected
REPORT = ("status", "seed", "notes", "skipped", "facts")
VERDICT = (
    *("subject", "law", "statement", "status", "by", "trials", "decisive"),
    *("reason", "notes", "scope", "smallest", "visible", "visible_in_norm", "derivative"),
)
FINDING = (
    *("law", "argument", "index", "claimed", "expected", "error"),
    *("cause", "witness", "dtype", "where", "kind", "places", "outputs", "note"),
)


def number(value: float | str) -> str:
    """A number short where that loses nothing, with all its digits otherwise; words as they are."""
    if isinstance(value, str):
        return value
    short = f"{value:.6g}"
    return short if float(short) == value else f"{value:.9g}"


def clean(text: str) -> str:
    """The text on one line, control characters shown and not sent."""
    return "".join(c if c.isprintable() else _escape(c) for c in text.replace("\n", " "))


def _escape(c: str) -> str:
    """The character as Python writes it in a string."""
    return c.encode("unicode_escape").decode("ascii")


def sees(verdict: Verdict) -> str:
    """The smallest relative mistake that would have been seen, of one entry and of all entries together, in words."""
    if verdict.smallest is None:
        return ""
    together = max(verdict.visible_in_norm.values(), default=0.0)
    in_norm = f" ({together:.0e} in norm)" if together > 0 else ""
    return f"{verdict.smallest:.0e}{in_norm}" if verdict.smallest > 0 else "exact"


def failure(verdict: Verdict) -> list[str]:
    """The lines of a failure: what, where, both sides, why, and how to run it again."""
    kinds = dict.fromkeys(f.kind for f in verdict.findings if f.kind)
    why = f": {'; '.join(clean(KINDS.get(kind, kind)) for kind in kinds)}" if kinds else ""
    lines = [f"{clean(verdict.subject)} FAILS {verdict.law}{why}", f"  the law: {clean(verdict.statement)}"]
    for f in verdict.findings:
        if f.argument:
            words = SIDES.get(f.law, ("claimed", "expected"))
            shown = ", ".join(f"{word} {side}" for word, side in zip(words, sides(f), strict=True))
            lines.append(f"  at {clean(f.place)}: {shown}{within(f)}")
        says = "" if f.cause == f.argument else f.cause.removeprefix(f.note).removeprefix("; ")
        evidence = [*extent(f), *([clean(says)] if says else [])]
        lines += [f"  {clean(f.note)}"] if f.note and f.note != f.argument else []
        if f.where:
            seen = "with" if f.where == "the given inputs" else "first seen with"
            lines.append(f"  {seen} {clean(f.where)} in {clean(f.dtype)}{':' if evidence else ''}")
        lines += [f"    {line}" for line in evidence]
        if f.witness:
            lines.append(f"  again: {clean(f.witness)}")
    return lines


def extent(f: Finding) -> list[str]:
    """All that is wrong, and for which outputs, where that says more than the one place."""
    where = f"wrong at {', '.join(f.places)}; right everywhere else" if f.places and f.places != (f.place,) else ""
    through = (
        f"wrong through {', '.join(f.outputs)}; right for the cotangent of every other output" if f.outputs else ""
    )
    return [clean(line) for line in (where, through) if line]


def told(verdict: Verdict, others: list[Verdict]) -> list[str]:
    """The lines of a failure, and which other laws fail for the same cause."""
    too = [f"  breaks too: {', '.join(other.law for other in others)}"] if others else []
    return [*failure(verdict), *too]


def by_cause(report: Report) -> list[tuple[Verdict, list[Verdict]]]:
    """The verdicts that FAIL, each with the later ones about the same subject that fail for the same cause."""
    blocks: dict[tuple[str, str], tuple[Verdict, list[Verdict]]] = {}
    for v in report.verdicts:
        if v.status != "FAILS":
            continue
        kind = next((f.kind for f in v.findings if f.kind), "")
        key = v.subject, kind or v.law
        if key in blocks:
            blocks[key][1].append(v)
        else:
            blocks[key] = v, []
    return list(blocks.values())


def sides(f: Finding) -> tuple[str, str]:
    """Claimed and expected, with enough digits to tell them apart."""
    a, b = f.claimed, f.expected
    if isinstance(a, float) and isinstance(b, float) and math.isfinite(a) and math.isfinite(b):
        for digits in (6, 9, 13, 17):
            if f"{a:.{digits}g}" != f"{b:.{digits}g}":
                return f"{a:.{digits}g}", f"{b:.{digits}g}"
    return clean(number(a)), clean(number(b))


def as_test(line: str) -> str:
    """The line that reproduces a failure as a pytest test: a file's whole text; nothing where there is no such line."""
    try:
        tree = ast.parse(line)
    except (SyntaxError, ValueError):
        return ""
    asked = next((n for n in ast.walk(tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == "gv.check"), None)
    if asked is None:
        return ""
    setup = tree.body[1:-1]
    text = {node: str(ast.get_source_segment(line, node)) for node in (*setup, *asked.args, *asked.keywords)}
    own = {"gv", "np", "ml_dtypes", "m", "complex"}
    used = dict.fromkeys(n.id for n in ast.walk(asked) if isinstance(n, ast.Name) and n.id not in own)
    given = [text[node] for node in (*asked.args, *asked.keywords)]
    law = next((str(ast.literal_eval(k.value)) for k in asked.keywords if k.arg == "laws"), "law")
    name = "_".join(re.findall(r"[A-Za-z0-9]+", given[0].removeprefix("m.")))
    return "\n".join(
        [
            "import gradverify as gv",
            "import numpy as np",
            *(text[node] for node in setup),
            *([f"# and here what it is about: {', '.join(used)}"] if used else []),
            "",
            "",
            f"def test_{name}_{law}():",
            "    gv.check(",
            *(f"        {argument}," for argument in given),
            "    ).require()",
            "",
        ]
    )


def within(f: Finding) -> str:
    """The width of the bar, and how small a mistake would have been seen, where both sides are numbers."""
    if isinstance(f.expected, str) or not 0 < f.error < math.inf or not math.isfinite(f.expected):
        return ""
    least = f"; {f.error / abs(f.expected):.0e} of it would have been seen" if f.expected else ""
    return f" (to within {f.error:.1e}{least})"


def proved(v: Verdict) -> bool:
    """Does it hold by proof, for all real inputs?"""
    return v.status == "HOLDS" and PROVED in v.notes


def tried(report: Report) -> bool:
    """Was anything decided by trials, and not by proof alone?"""
    return any(v.decisive and not proved(v) for v in report.verdicts)


def plain(report: Report) -> str:
    """The whole report for a pipe or a log."""
    lines: list[str] = []
    subjects = list(dict.fromkeys(v.subject for v in report.verdicts))
    for subject in subjects:
        own = [v for v in report.verdicts if v.subject == subject]
        widest = max(own, key=lambda v: v.trials)
        scope = "" if proved(widest) else f": {clean(widest.scope)}"
        lines.append(f"{clean(subject)}, by {widest.by}{scope}" if widest.scope else clean(subject))
        reasons = {v.reason for v in own}
        if len(own) > 1 and len(reasons) == 1 and "" not in reasons:
            lines.append(f"  {own[0].status:<9} every law: {clean(own[0].reason)}")
            continue
        width = max(len(v.law) for v in own)
        for v in own:
            detail = f"{v.decisive} of {v.trials} trials decisive" if v.trials else ""
            detail = f"proved for {clean(v.scope)}" if proved(v) else detail
            seen = sees(v)
            detail += f", sees {seen}" if seen and v.status == "HOLDS" else ""
            lines.append(f"  {v.status:<9} {v.law:<{width}}  {detail}".rstrip())
            if v.reason:
                lines.append(f"            {clean(v.reason)}")
            lines += [f"            note: {clean(n)}" for n in v.notes if n != PROVED]
    for v, others in by_cause(report):
        lines += ["", *told(v, others)]
    lines += [""] + [f"note: {clean(n)}" for n in report.notes] + [f"skipped: {clean(s)}" for s in report.skipped]
    lines += [DECISIVE, CHANCES] if tried(report) else []
    lines += [f"proved: {PROVED}"] if any(map(proved, report.verdicts)) else []
    lines.append(summary(report))
    return "\n".join(lines)


def summary(report: Report) -> str:
    """One line: the status, how many verdicts of which kind, and the seed that repeats them."""
    count = {s: sum(v.status == s for v in report.verdicts) for s in ("HOLDS", "FAILS", "UNDECIDED")}
    parts = ", ".join(f"{n} {s.lower()}" for s, n in count.items() if n) or "nothing was judged"
    return f"{report.status}: {parts} (seed {report.seed})"


def markdown(report: Report) -> str:
    """The report for a notebook."""

    def cell(text: str) -> str:
        return clean(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")

    rows = ["| subject | law | verdict | decisive | |", "|---|---|---|---|---|"]
    for v in report.verdicts:
        remark = (
            v.reason
            or "; ".join(f"{f.place}: claimed {sides(f)[0]}, expected {sides(f)[1]}" for f in v.findings)
            or "; ".join(v.notes)
        )
        rows.append(
            f"| {cell(v.subject)} | {cell(v.law)} | **{v.status}** | {v.decisive}/{v.trials} | {cell(remark)} |"
        )
    blocks = [fenced("text", told(v, others)) for v, others in by_cause(report)]
    tests = [fenced("python", f.test.splitlines()) for v, _ in by_cause(report) for f in v.findings if f.test]
    return "\n".join([*rows, *blocks, *tests, "", cell(summary(report))])


def fenced(kind: str, lines: list[str]) -> str:
    """Lines as they are, in a fence longer than any that they hold."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join(["", f"{fence}{kind}", *lines, fence])


def as_json(report: Report) -> str:
    """Sorted keys; numbers that JSON does not have (NaN, inf) as strings."""
    return json.dumps(_plain(as_data(report)), indent=1, sort_keys=True, allow_nan=False)


def as_data(report: Report) -> dict[str, Any]:
    """The report as dicts and lists."""
    verdicts = [
        {name: getattr(v, name) for name in VERDICT}
        | {"findings": [{n: getattr(f, n) for n in FINDING} for f in v.findings]}
        for v in report.verdicts
    ]
    chance = {"fails though right": CHANCE, "missed": CHANCE, "times the least seen": TIMES} if tried(report) else {}
    return {name: getattr(report, name) for name in REPORT} | {"verdicts": verdicts, "chance": chance}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | int) or value is None:
        return value
    number = float(value)
    return number if math.isfinite(number) else str(number)
