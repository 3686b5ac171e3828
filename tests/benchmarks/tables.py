"""Tables are Markdown, and say of themselves what they were measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from peers import Checker

ABSENT = "not installed"


@dataclass(frozen=True)
class Question:
    """Who is asked, and whether only a few cases are."""

    checkers: tuple[Checker, ...]
    quick: bool = False

    @property
    def present(self) -> tuple[Checker, ...]:
        """Those that are installed."""
        return tuple(c for c in self.checkers if c.version())


def table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A Markdown table; columns are padded, so that it reads well as it stands."""
    rows = [list(head), *map(list, body)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(head))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


def machine(question: Question) -> str:
    """Cores and versions."""
    versions = dict.fromkeys(f"{c.library} {c.version()}" for c in question.present)
    place = f"one of {os.cpu_count()} {platform.machine()} cores, Python {platform.python_version()}"
    return ", ".join([place, f"NumPy {np.__version__}", *versions])


def settings(question: Question) -> str:
    """What each of them is asked with."""
    body = [[c.name, f"{c.library} {c.version()}" if c.version() else ABSENT, c.settings] for c in question.checkers]
    return table(["checker", "version", "settings"], body)
