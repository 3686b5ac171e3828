"""Of the seed's theorems, each judge alone refuses every wrong variant and accepts nearly every other wording."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest
from theorems.changes import Change, everywhere, rewrites, slips
from theorems.floats import apart, points

from gradverify.theorems.acceptance import Judge, Reason, Refused, accept
from gradverify.theorems.calculus import definition, equation
from gradverify.theorems.derivation import Derivation
from gradverify.theorems.instance import Equality, Instances, Setting
from gradverify.theorems.rules import RULES, Rule, equal
from gradverify.theorems.term import Term
from gradverify.theorems.text import text
from gradverify.theorems.theorem import Theorem, folder, load

WRONG, RIGHT = 300, 200  # at least so many of each have to be tried
OF_A_KIND = 5  # of one theorem: the longest formulas would else have most of them
NOT_OUTRIGHT = {"relu_balance_any_slope"}  # its hypothesis speaks of z, and so a definition has to be read backwards


@cache
def theorems() -> tuple[Theorem, ...]:
    return load(folder())


def seed() -> dict[str, Derivation]:
    return {t.name: t.derivation for t in theorems()}


def everything(d: Derivation) -> tuple[Rule, ...]:
    """All laws at once, every definition and every hypothesis of the derivation."""
    definitions = (Rule(f.name, "", (definition(f),)) for f in d.functions if f.body is not None)
    hypotheses = (Rule(h.name, "", (equation(h.left, h.right, at_the_point=h.arrays),)) for h in d.hypotheses)
    return (*RULES, *definitions, *hypotheses)


def shown(left: Term, right: Term, d: Derivation) -> bool:
    """Whether the calculus shows the equality outright, with every definition opened."""
    return equal(left, right, everything(d), d.facts).equal


def instances(d: Derivation) -> Instances:
    equalities = tuple(Equality(h.left, h.right, h.fixes) for h in d.hypotheses)
    return Instances(Setting(d.sizes, d.arrays, frozenset(d.positive), d.nonzero, equalities))


def variants(d: Derivation, change: Change) -> Iterator[tuple[str, Term, Term]]:
    """The statement with one place of one side changed, each once."""
    seen, count = {(d.left.key, d.right.key)}, Counter[str]()
    right_sides = ((name, d.left, right) for name, right in everywhere(d.right, change, d, d.left.free))
    left_sides = ((name, left, d.right) for name, left in everywhere(d.left, change, d, d.left.free))
    for name, left, right in (*right_sides, *left_sides):
        well_formed = right.free <= left.free <= d.left.free
        if well_formed and (left.key, right.key) not in seen and count[name] < OF_A_KIND:
            seen.add((left.key, right.key))
            count[name] += 1
            yield name, left, right


@cache
def wrong() -> tuple[tuple[str, str, Term, Term], ...]:
    """Every slip that floats confirm: the two sides clearly differ at a point that satisfies the hypotheses."""
    found = []
    for name, d in seed().items():
        there = list(points(d))
        for kind, left, right in variants(d, slips):
            try:
                if any(apart(left, right, point) for point in there):
                    found.append((name, kind, left, right))
            except (ArithmeticError, ValueError, TypeError):
                continue  # a logarithm of a negative number: neither right nor wrong
    return tuple(found)


def test_there_are_enough_wrong_statements_and_of_every_kind() -> None:
    kinds = Counter(kind for _, kind, _, _ in wrong())
    assert len(wrong()) >= WRONG, kinds
    assert {name for name, _, _, _ in wrong()} == set(seed())
    needed = {"another index", "a dropped delta", "a sign", "a factor 2", "a factor of the size", "another exponent"}
    needed |= {"another array", "a dropped sum", "a constant added", "a dropped factor", "a dropped summand"}
    assert needed <= set(kinds), kinds


def test_the_calculus_shows_no_wrong_statement() -> None:
    accepted = [f"{name}: {kind}: {text(x)} = {text(y)}" for name, kind, x, y in wrong() if shown(x, y, seed()[name])]
    assert not accepted, "\n".join(accepted)


def test_the_instances_refute_every_wrong_statement() -> None:
    known = {name: instances(d) for name, d in seed().items()}
    for name, kind, left, right in wrong():
        opinion = known[name].compare(left, right)
        without_value = "that is not positive" in opinion.trouble  # the logarithm of a negative number is no value
        assert opinion.counterexample or without_value, (name, kind, text(left), text(right), opinion)


def test_a_wrong_statement_does_not_follow_from_the_steps_before_it() -> None:
    """Its own steps, the last of which now leads to the wrong right side, by the rules of the right one."""
    tried = 0
    for name, d in seed().items():
        before, judge = d.steps[-2].expression if len(d.steps) > 1 else d.left, Judge(d, seed())
        for other, kind, left, right in wrong():
            if other == name and left == d.left:
                tried += 1
                assert judge.follows(before, replace(d.steps[-1], expression=right)) is None, (name, kind, text(right))
    assert tried >= WRONG


def test_the_right_statements_are_shown_and_agree() -> None:
    """The floor under the zeros above."""
    not_shown = {name for name, d in seed().items() if not shown(d.left, d.right, d)}
    assert not_shown == NOT_OUTRIGHT
    assert all(instances(d).compare(d.left, d.right).agrees for d in seed().values())


@pytest.mark.parametrize("name", [t.name for t in load(folder()) if t.derivation.hypotheses])
def test_without_its_hypothesis_a_theorem_is_refused(name: str) -> None:
    d = seed()[name]
    refused = accept(replace(d, hypotheses=()), seed())
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.UNKNOWN
    steps = tuple(replace(s, uses=()) for s in d.steps)
    refused = accept(replace(d, steps=steps), seed())
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.HYPOTHESIS
    assert f"uses=({d.hypotheses[0].name!r},)" in refused.found
    assert not equal(d.left, d.right, everything(replace(d, hypotheses=())), d.facts).equal
    assert not instances(replace(d, hypotheses=())).compare(d.left, d.right).agrees


# Other wordings


@cache
def reworded() -> tuple[tuple[str, str, Term, Term], ...]:
    return tuple((name, *variant) for name, d in seed().items() for variant in variants(d, rewrites))


def test_other_wordings_are_accepted() -> None:
    """The theorem in other words is shown outright; of the one that is not, the other words are one more step."""
    missed = []
    for name, kind, left, right in reworded():
        d = seed()[name]
        outright = name not in NOT_OUTRIGHT
        if not (shown(left, right, d) if outright else shown(d.left, left, d) and shown(right, d.right, d)):
            missed.append((name, kind, text(left), text(right)))
    assert len(reworded()) >= RIGHT
    assert len(missed) <= 0.05 * len(reworded()), missed


def test_other_wordings_really_are_the_same() -> None:
    for name, d in seed().items():
        there = list(points(d, many=1))
        for other, kind, left, right in reworded():
            if other == name:
                assert not any(apart(left, right, p) for p in there), (name, kind, text(left), text(right))
