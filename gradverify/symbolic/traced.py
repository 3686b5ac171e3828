"""A Subject on symbols, and the oracle beside it: what a law asks of them, answered by expressions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradverify._subject import NOTHING, Subject
from gradverify._vectors import Pairing, Vectors
from gradverify.symbolic import expression as ex
from gradverify.symbolic.branches import Unsupported
from gradverify.symbolic.decide import Decider, Open, OutOfTime
from gradverify.symbolic.derivative import gradient
from gradverify.symbolic.settings import Setting
from gradverify.symbolic.trace import Symbolic, entries, symbolic


class Traced:
    """A Subject whose rules are run on symbols; what a law asks of a Subject, and nothing else."""

    def __init__(self, subject: Subject, spent: Callable[[], bool]) -> None:
        self.subject, self.spent = subject, spent
        self.calls: list[tuple[str, tuple[Vectors, ...], tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.subject, name)

    @property
    def fresh(self) -> Traced:
        """The subject itself: symbols are never remembered."""
        return self

    def forward(self, x: Vectors) -> Vectors:
        """The value at x."""
        out, _ = self.observe("value", x)
        y = Vectors(tuple(map(symbolic, out)) if isinstance(out, tuple | list) else (symbolic(out),))
        self.calls.append(("forward", (x,), y.parts))
        return replace(y, bare=not isinstance(out, tuple | list))

    def pullback(self, x: Vectors, v: Vectors) -> Vectors:
        """The claimed rule's answer, nothing where it claims none."""
        out, _ = self.observe("vjp", x, v)
        given = tuple(out) if isinstance(out, tuple | list) else (out,)
        if len(given) != len(x):
            raise Open(f"{self.subject.name}'s vjp returned {len(given)} gradient(s) for {len(x)} input(s)")
        smooth = self.subject.domain.smooth
        parts = tuple(NOTHING if g is None or k not in smooth else symbolic(g) for k, g in enumerate(given))
        self.calls.append(("pullback", (x, v), parts))
        return Vectors(parts)

    def pushforward(self, x: Vectors, u: Vectors) -> Vectors:
        """The claimed forward rule's answer."""
        out, _ = self.observe("jvp", x, self.whole_tangent(x, u))
        parts = tuple(map(symbolic, out)) if isinstance(out, tuple | list) else (symbolic(out),)
        self.calls.append(("pushforward", (x, u), parts))
        return Vectors(parts)

    def observe(self, rule: str, x: Vectors, v: Vectors | None = None) -> tuple[Any, tuple[Any, ...]]:
        """Call a rule on copies: its raw answer, and the copies as it left them."""
        if self.spent():
            raise OutOfTime("the budget was spent")
        first = tuple(np.copy(p, subok=True) for p in v) if v is not None else ()
        leading: tuple[Any, ...] = () if v is None else (first[0] if v.bare else first,)
        handed = tuple(np.copy(p, subok=True) for p in x)
        try:
            out = getattr(self.subject, rule)(*leading, *handed, **self.subject.at)
        except (Unsupported, Open, OutOfTime):
            raise
        except Exception as failure:
            label = self.subject.name if rule == "value" else f"{self.subject.name}'s {rule}"
            raise Unsupported(f"{label} raised {type(failure).__name__}: {failure}") from failure
        return out, first + handed

    def whole_tangent(self, x: Vectors, u: Vectors) -> Vectors:
        """u in the inputs' shapes, zeros where it has nothing."""
        return Vectors(
            tuple(p if p.size or not a.size else np.zeros(a.shape) for p, a in zip(u, x, strict=True)), bare=len(x) == 1
        )

    def quantities(self, setting: Setting) -> dict[str, Any]:
        """Symbols for everything that a law may quantify."""
        x = setting.x
        y = self.forward(x)
        v, w = setting.cotangent("v", y), setting.cotangent("w", y)
        judged = [k for k in self.subject.domain.smooth if x[k].size]
        if self.subject.vjp is not None:
            g = self.pullback(x, v)
            judged = [k for k in judged if g[k].size]
        u = setting.tangent(judged)
        return {"x": x, "y": setting.other, "u": u, "v": v, "w": w, "a": setting.real("a")}


@dataclass(frozen=True)
class Exactly:
    """The oracle on symbols: the derivative of the traced expression, by reverse accumulation."""

    decider: Decider

    def directional(self, f: Traced, x: Vectors, u: Vectors, v: Vectors) -> Pairing:
        """<Df(x)' v, u>, not multiplied out."""
        y = f.forward(x)
        pairs = [
            e * c for p, q in zip(y, v, strict=True) for e, c in zip(entries(p), entries(symbolic(q)), strict=True)
        ]
        positions = [k for k, p in enumerate(u) if p.size]
        symbols = [e for k in positions for e in entries(x[k])]
        slopes = iter(gradient(ex.total(pairs), symbols, self.decider.vanishes))
        parts: list[Any] = [NOTHING] * len(x)
        for k in positions:
            part = np.empty(x[k].shape, object)
            for index in np.ndindex(part.shape):
                part[index] = next(slopes)
            parts[k] = part.view(Symbolic)
        return Pairing(Vectors(tuple(parts)), u)
