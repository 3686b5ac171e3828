"""The Method Search: Hypothesis chooses the points and shrinks what breaks; what broke is tried first next time."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import hypothesis
from hypothesis import Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.database import ExampleDatabase
from hypothesis.errors import HypothesisException, NoSuchExample

from gradverify._errors import Misuse
from gradverify._method import Loop, Trial
from gradverify._subject import Subject
from gradverify._tally import Budget
from gradverify._vectors import Vectors
from gradverify._verdict import Finding
from gradverify.explain.minimise import alike
from gradverify.floats import EFFORT, Floats, answers, metered, named, typical
from gradverify.points import KINDS, Kind, combinations
from gradverify.points.drawn import Cell, Drawn, Made, Options, Point, Stale, drawn_point, remembered
from gradverify.sampling import Sampling


@dataclass(frozen=True)
class Search:
    """Points that Hypothesis chooses: of each kind at most ``examples``, the plain one first, of any size and type.

    They follow from the seed (and from the numbers written in the user's modules, which Hypothesis
    tries too). What breaks is shrunk. It is also kept, and tried first in later runs, where
    ``settings`` (Hypothesis's own; by default those in force) have a database. Inputs given as arrays
    leave nothing to search.
    """

    examples: int = 2
    settings: hypothesis.settings | None = None
    instruments: Floats = field(default_factory=Floats, compare=False)
    name: str = "Search"

    def __post_init__(self) -> None:
        if isinstance(self.examples, bool) or not isinstance(self.examples, int) or self.examples < 1:
            raise Misuse(f"Search(examples={self.examples!r}): give a whole number of points of each kind, 1 or more.")

    def drive(self, subject: Subject, seed: int, loop: Loop) -> None:
        """What broke before; then the points of each kind, again after a law has broken, while any law is open."""
        if subject.domain.fixed:
            Sampling(instruments=self.instruments).drive(subject, seed, loop)
            return
        cells, choices = _cells(subject, seed)
        subject = typical(subject, seed)
        memory = _Memory((self.settings or hypothesis.settings()).database, subject)
        hunts = [
            _Hunt(self, subject, kind, number, cell, seed, loop, memory)
            for number, kind in enumerate(KINDS)
            for cell in (cells if number == 0 else [(subject.dtypes, choices)])
        ]
        memory.replay(hunts, loop)
        for hunt in hunts:
            while loop.open and hunt.catches():
                pass


def _cells(subject: Subject, seed: int) -> tuple[list[Cell], tuple[Options, ...]]:
    """A cell for every type and every combination of options that is swept; the combinations that are not refused."""
    if not subject.options:
        return [((dtype,), ({},)) for dtype in subject.dtypes], ({},)
    plain = {d: list(Sampling(points=1).trials(replace(subject, dtypes=(d,)), seed)) for d in subject.dtypes}
    cells: list[Cell] = [((dtype,), (trial.subject.at,)) for dtype, trials in plain.items() for trial in trials]
    usable = tuple(trial.subject.at for trial in plain[subject.dtypes[0]] if answers(trial))
    return cells, usable or tuple(combinations(subject.options))


# -- one kind of points ---------------------------------------------------------------------------


@dataclass
class _Hunt:
    """The search among the points of one kind; ``known`` is what every choice that was tried led to."""

    by: Search
    subject: Subject
    kind: Kind
    number: int
    cell: Cell
    seed: int
    loop: Loop
    memory: _Memory
    known: dict[Made, Finding | None] = field(default_factory=dict)
    prey: list[tuple[Point, Finding]] = field(default_factory=list)  # where the first laws broke
    effort: Budget = field(default_factory=Budget)

    def catches(self) -> bool:
        """Does some law break? Then the loop holds its finding at the smallest point that was found."""
        self.prey, self.effort = [], Budget(EFFORT // 4)  # simpler choices say less than smaller arrays do
        try:
            least = hypothesis.find(self._points(), self._breaks, settings=self._settings(), random=self._random())
        except NoSuchExample:
            return False
        except (HypothesisException, BaseExceptionGroup) as failure:
            reason = f"{type(failure).__name__}: {failure}".splitlines()[0]
            if not self.prey:
                self.loop.stop(f"the search among {self.kind.name} could not go on ({reason})")
            return bool(self.prey)
        finding = self.known[least.made]
        assert finding is not None
        self.loop.keep(finding)
        for p, found in [(least, finding), *self.prey[1:]]:
            self.memory.save(self, found.law, p.made)
            trial = self._trial(p, self.subject)
            self.by.instruments.shrink(trial, found, self.loop)
            self.by.instruments.explain(trial, found, self.loop)
        return True

    def recall(self, made: Made) -> tuple[str, ...]:
        """The laws that break at the point that these numbers make; none where they make no point any more."""
        try:
            p = drawn_point(Drawn(remembered(made)), self.subject, self.kind, self.cell)
        except Stale:
            return ()
        trial = self._trial(p, self.subject)
        found = self.loop.judge(trial)
        self.known[p.made] = found[0] if found else None
        for finding in found:
            self.by.instruments.shrink(trial, finding, self.loop)
            self.by.instruments.explain(trial, finding, self.loop)
        return tuple(finding.law for finding in found)

    def _breaks(self, p: Point) -> bool:
        """Does a law break here? And from then on: does that law break here in the same way?"""
        if p.made not in self.known:
            self.known[p.made] = self._found(p)
        found = self.known[p.made]
        return bool(self.prey) and found is not None and alike(found, self.prey[0][1])

    def _found(self, p: Point) -> Finding | None:
        if not self.prey:
            found = self.loop.judge(self._trial(p, self.subject)) if self.loop.open else ()
            self.prey += [(p, finding) for finding in found]
            return self.prey[0][1] if self.prey else None
        if self.effort.spent:
            return None
        return self.loop.again(self._trial(p, metered(self.subject, self.effort)), self.prey[0][1].law)

    def _trial(self, p: Point, subject: Subject) -> Trial:
        key = (named(subject.name), self.number, p.seed)
        x = Vectors(p.arrays)
        return self.by.instruments.trial(subject.given(p.options), x, self.kind.name, self.seed, key)

    def _points(self) -> st.SearchStrategy[Point]:
        @st.composite
        def points(draw: st.DrawFn) -> Point:
            return drawn_point(Drawn(partial(_chosen, draw)), self.subject, self.kind, self.cell)

        return points()

    def _random(self) -> random.Random:
        """What Hypothesis's choices follow from."""
        return random.Random(f"{self.seed} {self.subject.name} {self.number} {self.cell}")

    def _settings(self) -> hypothesis.settings:
        return hypothesis.settings(
            self.by.settings,
            max_examples=self.by.examples,
            database=None,  # what Hypothesis keeps follows from the function searched with, which is another each time
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            verbosity=Verbosity.quiet,
            print_blob=False,
        )


def _chosen(draw: st.DrawFn, low: float, high: float, width: int) -> int | float:
    """A number that Hypothesis chooses in [low, high]: an integer (width 0), or a normal float of this many bits."""
    if width == 0:
        return draw(st.integers(int(low), int(high)))
    return draw(st.floats(low, high, width=width, allow_subnormal=False))  # type: ignore[arg-type]


# -- what broke before ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Memory:
    """What broke each law about a subject, kept in Hypothesis's database under names that stay the same."""

    database: ExampleDatabase | None
    subject: Subject

    def replay(self, hunts: Sequence[_Hunt], loop: Loop) -> None:
        """Try again what broke the laws that are judged; forget what breaks them no more."""
        known = {self._place(hunt): hunt for hunt in hunts}
        if self.database is None:
            return
        for law in loop.open:
            for kept in list(self.database.fetch(self._key(law))) if law in loop.open else ():
                place, made = _read(kept)
                if place not in known or law not in known[place].recall(made):
                    self.database.delete(self._key(law), kept)

    def save(self, hunt: _Hunt, law: str, made: Made) -> None:
        """Keep what made the point that broke this law."""
        if self.database is not None:
            self.database.save(self._key(law), json.dumps([self._place(hunt), *made]).encode())

    def _key(self, law: str) -> bytes:
        """The subject, as it is called and over the domain it has, and the law."""
        where = named(repr((self.subject.call, tuple(self.subject.domain.arguments.items()))))
        return f"gradverify {self.subject.name} {where:08x} {law}".encode()

    def _place(self, hunt: _Hunt) -> str:
        return f"{hunt.kind.name} {hunt.cell}"


def _read(kept: bytes) -> tuple[str, Made]:
    """The kind of points and what made the point; of what is no such thing, a kind that there is not."""
    try:
        place, *made = json.loads(kept)
        return str(place), tuple(made)
    except (ValueError, TypeError):
        return "", ()
