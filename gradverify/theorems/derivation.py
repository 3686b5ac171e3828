"""A derivation is declared first, an equality for every size, and then shown: steps from its left side to its right.

Nothing is judged here; ``acceptance`` does that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from gradverify.theorems.index import sizes_in
from gradverify.theorems.notation import Applied, Array, Function, formula_of
from gradverify.theorems.sign import Facts
from gradverify.theorems.term import Formula, Size, Term, term

DEFINITION, THEOREM, HYPOTHESIS = "definition of ", "theorem ", "hypothesis"  # rules that speak of one declared thing


@dataclass(frozen=True)
class Hypothesis:
    """An equation that a theorem assumes, for every value of its free indices.

    ``fixes`` names the array that the equation is about: instances satisfy it by a choice of that array's entries.
    """

    name: str
    left: Term
    right: Term
    fixes: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "left", term(self.left))
        object.__setattr__(self, "right", term(self.right))

    @property
    def arrays(self) -> frozenset[Array]:
        """The arrays that it binds together."""
        return self.left.arrays | self.right.arrays


@dataclass(frozen=True)
class Step:
    """The next expression, the rules that lead to it, the hypotheses they use; ``at`` puts arrays into a theorem."""

    expression: Term
    rules: tuple[str, ...]
    uses: tuple[str, ...] = ()
    at: tuple[tuple[Array, Formula], ...] = ()
    note: str = ""


def step(
    expression: object,
    *rules: str,
    uses: tuple[str, ...] = (),
    at: Mapping[Array, Array | Function | Applied | Formula] | None = None,
    note: str = "",
) -> Step:
    """One step of a derivation: ``step(p[k] / Z, "definition of p")``."""
    given = tuple((array, formula_of(array, value)) for array, value in (at or {}).items())
    return Step(term(expression), rules, uses, given, note)


@dataclass(frozen=True)
class Derivation:
    """``left = right`` for every size and every value of the free indices, and the steps that show it.

    ``positive`` are arrays whose entries are taken to be positive, ``nonzero`` terms taken not to be 0;
    ``left_out`` says in words where the statement is not claimed.
    """

    name: str
    title: str
    left: Term
    right: Term
    steps: tuple[Step, ...]
    hypotheses: tuple[Hypothesis, ...] = ()
    positive: tuple[Array, ...] = ()
    nonzero: tuple[Term, ...] = ()
    left_out: tuple[str, ...] = ()
    remark: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "left", term(self.left))
        object.__setattr__(self, "right", term(self.right))
        object.__setattr__(self, "nonzero", tuple(map(term, self.nonzero)))

    @property
    def facts(self) -> Facts:
        """What may be taken for positive and for non-zero."""
        return Facts(frozenset(self.positive), self.nonzero)

    @cached_property
    def cites(self) -> tuple[str, ...]:
        """The theorems that its steps lean on."""
        named = [rule.removeprefix(THEOREM) for s in self.steps for rule in s.rules if rule.startswith(THEOREM)]
        return tuple(dict.fromkeys(named))

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """Every term in it, in the order in which a reader meets them."""
        equations = [t for h in self.hypotheses for t in (h.left, h.right)]
        put_in = [f for s in self.steps for _, f in s.at]
        return (self.left, self.right, *equations, *self.nonzero, *(s.expression for s in self.steps), *put_in)

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """Every function it speaks of, by name."""
        found = frozenset[Function]().union(*(t.functions for t in self.terms))
        return tuple(sorted(found, key=lambda f: f.name))

    @cached_property
    def arrays(self) -> tuple[Array, ...]:
        """Every free array it speaks of, parameters of functions too, by name."""
        formulas = [f.body for f in self.functions if f.body is not None]
        found = frozenset[Array](self.positive).union(*(t.arrays for t in (*self.terms, *formulas)))
        return tuple(sorted(found.union(*(f.parameters for f in self.functions)), key=lambda a: a.name))

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """Every size it speaks of, by name."""
        formulas = [f.body for f in self.functions if f.body is not None]
        found = frozenset[Size]().union(*(sizes_in(t) for t in (*self.terms, *formulas)))
        found |= {s for a in self.arrays for s in (*a.sizes, *((a.into,) if a.into else ()))}
        return tuple(sorted(found, key=lambda s: s.name))
