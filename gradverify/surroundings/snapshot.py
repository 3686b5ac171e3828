"""What a function moves outside its arguments is put back after a check, and what every call moves again is told.

What only counts is left: a whole number that grows, or a list that gets longer, in an object or container in which
nothing else has moved. It records the calls that a check makes, as whoever counts them wants to know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import numpy as np

from gradverify.surroundings.holders import Change, Draws, Holder, content
from gradverify.surroundings.reach import OURS, is_users, reached

Read = Mapping[str, tuple[Any, ...]]
SHOWN = 4  # names that a message gives


@dataclass(frozen=True)
class Snapshot:
    """What Holders hold, as it was at one time."""

    held: tuple[tuple[Holder, Any], ...]

    def changes(self) -> Iterator[tuple[Holder, Any, Change]]:
        """What has changed since, and the change of the group of which each is part."""
        found: list[tuple[Holder, Any]] = []
        groups: dict[int, Change] = {}
        for holder, saved in self.held:
            with suppress(Exception):  # of a user's object, which keeps no other from being looked at
                change = holder.change(saved)
                groups[holder.group] = max(change, groups.get(holder.group, change))
                found += [(holder, saved)] if change else []
        return ((holder, saved, groups[holder.group]) for holder, saved in found)

    @property
    def moved(self) -> bool:
        """Has anything moved that does not only count?"""
        return any(change is Change.MOVED for _, _, change in self.changes())

    def put_back(self, *, counts: bool = False) -> None:
        """Everything as it was, but for what only counts (with ``counts``, that too)."""
        for holder, saved, change in self.changes():
            if counts or change is Change.MOVED:
                with suppress(Exception):  # one that refuses keeps no other from being put back
                    holder.put_back(saved)


def snapshot(roots: tuple[Any, ...]) -> Snapshot:
    """What these functions reach, as it is now."""
    held: list[tuple[Holder, Any]] = []
    for holder in reached(roots):
        with suppress(Exception):
            held.append((holder, holder.saved()))
    return Snapshot(tuple(held))


@contextmanager
def left_as_found(roots: tuple[Any, ...], *, counts: bool = False) -> Iterator[Snapshot]:
    """What these functions reach is as before afterwards, whatever was raised; with ``counts``, counts too."""
    before = snapshot(roots)
    try:
        yield before
    finally:
        before.put_back(counts=counts)


@dataclass(frozen=True)
class Moves:
    """What a second call with the same arguments moves again: the names, and those of them that only count."""

    names: tuple[str, ...] = ()
    counts: frozenset[str] = frozenset()
    once: Read = field(default_factory=dict)  # how everything stood after the first call


@dataclass(frozen=True)
class Surroundings:
    """What the functions of a subject reach, and how it was at the start."""

    roots: tuple[Any, ...]
    start: Snapshot
    known: dict[str, Moves] = field(default_factory=dict)  # by rule
    watched: list[bool] = field(default_factory=list)  # had anything moved when an oracle first called?

    def moves(self, rules: Mapping[str, Callable[[], object]]) -> Mapping[str, Moves]:
        """What each rule moves whenever it is called, looked at once, at the first point; nothing if all stands still.

        The rules have been called there before.
        """
        if not self.known and not (self.start.moved and all(map(self._looked_at, rules, rules.values()))):
            self.known.update({rule: Moves() for rule in rules})
        return self.known

    def _looked_at(self, rule: str, ask: Callable[[], object]) -> bool:
        """Call the rule twice and keep what the second call moves again; False where it raises."""
        with left_as_found(self.roots) as before:
            try:
                ask()
                once = _read(self.roots)
                ask()
            except Exception:  # what it raises is found elsewhere
                return False
            twice = _read(self.roots)
            counting = (h for h, _, change in before.changes() if change is Change.COUNTED)
            counts = frozenset(name for holder in counting for name, _ in holder.leaves())
        names = tuple(n for n in dict.fromkeys((*once, *twice)) if once.get(n) != twice.get(n))
        self.known[rule] = Moves(names, counts, once)
        return True

    def explains(self, ask: Callable[[], Any], same: Callable[[Any, Any], bool]) -> tuple[str, ...]:
        """The names of what ``ask`` moves and its answer depends on; none where it draws, or something else differs."""
        answers = []
        try:
            for _ in range(2):
                with left_as_found(self.roots, counts=True):
                    answers.append(ask())
        except Exception:
            return ()
        if not same(*answers) or not self._looked_at("value", ask):
            return ()
        names = self.known["value"].names
        drawn = {holder.name for holder in reached(self.roots) if isinstance(holder, Draws)}
        return () if drawn & set(names) else names

    def guarded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, which leaves no numbers of an oracle's behind: complex ones, wider ones, objects."""

        def call(*given: Any, **options: Any) -> Any:
            flat = (a for g in given for a in (g if isinstance(g, tuple) else (g,)))
            if all(map(_plain, flat)) or not self._moving():
                return function(*given, **options)
            with left_as_found(self.roots):
                return function(*given, **options)

        return call

    def _moving(self) -> bool:
        """Has anything moved by the time an oracle first calls? The function has been called by then."""
        if not self.watched:
            self.watched.append(self.start.moved)
        return self.watched[0]


def listed(names: tuple[str, ...]) -> str:
    """The names in words, no more than a few of them."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def runs(rule: Any, function: Any) -> bool:
    """Does an adapter's rule hold, and so run, what the other one runs: a backward of which the forward is part?"""
    return bool(_held(rule) & _held(function))


def _held(rule: Any) -> set[int]:
    """The identities of the user's functions and objects in a closure of ours."""
    if not isinstance(rule, FunctionType) or not (rule.__module__ or "").startswith(OURS):
        return {id(rule)}
    cells = [content(cell) for cell in rule.__closure__ or ()]
    within = [c for c in cells if isinstance(c, FunctionType) or is_users(type(c).__module__)]
    return {found for c in within for found in _held(c)}


def _read(roots: tuple[Any, ...]) -> Read:
    """Every number and word that is kept, by name."""
    found: dict[str, list[Any]] = {}
    for holder in reached(roots):
        with suppress(Exception):
            for name, leaf in holder.leaves():
                found.setdefault(name, []).append(leaf)
    return {name: tuple(leaves) for name, leaves in found.items()}


def _plain(a: Any) -> bool:
    """Is it an array of real numbers of an ordinary type?"""
    return type(a) is np.ndarray and a.dtype.kind not in "cO" and a.dtype.itemsize <= 8
