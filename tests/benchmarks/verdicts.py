"""How many verdicts of each checker are right: on planted faults, in low precision, and at corners and ties."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cases import Case, dtypes, faults
from corners import corners
from peers import Answer
from tables import ABSENT, Question, machine, table

OURS = "gradverify"


@dataclass(frozen=True)
class Asked:
    """A case, and each checker's answer by name."""

    case: Case
    answers: dict[str, Answer]

    def right(self, name: str) -> bool:
        """Was it accepted because it is right, or rejected because it is not? What raises has rejected."""
        word = self.answers[name].word
        return word == "accepts" if self.case.right else word in ("rejects", "raises")


def of_faults(question: Question) -> Iterator[str]:
    """Share of the faults seen, and of the right originals accepted, at one usual float64 point."""
    asked = ask(faults(question.quick), question)
    yield from verdicts("fault", asked, question, {"all faults": [a for a in asked if not a.case.right]})


def of_dtypes(question: Question) -> Iterator[str]:
    """Right verdicts in low precision, on smooth functions right and a little too large."""
    yield from verdicts("type and claim", ask(dtypes(question.quick), question), question, {})


def of_kinks(question: Question) -> Iterator[str]:
    """Right verdicts at corners and ties, by valid and invalid conventions, and 3e-9 beside them."""
    asked = ask(corners(question.quick), question)
    yield from verdicts("function", asked, question, by(asked, "group"))


def ask(cases: Iterable[Case], question: Question) -> list[Asked]:
    """Every case, made anew for each checker."""
    return [Asked(case, {c.name: c.ask(case.make()) for c in question.present}) for case in cases]


def by(asked: list[Asked], what: str) -> dict[str, list[Asked]]:
    """The same by ``row`` or ``group`` of the case, in order."""
    words = dict.fromkeys(getattr(a.case, what) for a in asked)
    return {word: [a for a in asked if getattr(a.case, what) == word] for word in words}


def verdicts(what: str, asked: list[Asked], question: Question, more: dict[str, list[Asked]]) -> Iterator[str]:
    """Right verdicts of so many by row, these further rows, what was measured, and the wrong verdicts of ours."""
    untaken = {c.name: refused(asked, c.name) for c in question.present}
    rows = by(asked, "row") | more
    body = [[row, *(cell(group, c.name, untaken) for c in question.checkers)] for row, group in rows.items()]
    yield table([what, *(c.name for c in question.checkers)], body)
    yield ""
    meaning = "Right verdicts of so many (not decided: ?; an exception counts as a rejection)"
    yield f"{meaning}, {len(asked)} cases; {machine(question)}."
    for name, groups in untaken.items():
        for group in groups:
            said = next(a.answers[name].why for a in asked if a.case.group == group and a.case.right)
            yield f"- {name} takes none of {group}: {said.splitlines()[0]}"
    if OURS in untaken:
        judged = [a for a in asked if a.case.group not in untaken[OURS]]
        wrong = [a for a in judged if not a.right(OURS)]
        yield ""
        yield f"gradverify's verdict is not right in {len(wrong)} of {len(judged)}{':' if wrong else '.'}"
        for a in wrong:
            yield f"- {a.answers[OURS].word}: `python tests/benchmarks/judge.py --case {a.case.name!r}`"


def refused(asked: list[Asked], name: str) -> set[str]:
    """The groups of which the checker takes nothing: it raises at every right case."""
    right = by([a for a in asked if a.case.right], "group")
    return {group for group, some in right.items() if all(a.answers[name].word == "raises" for a in some)}


def cell(group: list[Asked], name: str, untaken: dict[str, set[str]]) -> str:
    """``15/16``, with how many were undecided."""
    if name not in untaken:
        return ABSENT
    if all(a.case.group in untaken[name] for a in group):
        return "not taken"
    undecided = sum(a.answers[name].word == "undecided" for a in group)
    return f"{sum(a.right(name) for a in group)}/{len(group)}" + (f" ({undecided} ?)" if undecided else "")
