"""Every law, alone and together with others, leaves the value of every term as it is, whatever the term."""

from __future__ import annotations

import inspect
import math
from fractions import Fraction
from itertools import islice

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from theorems.floats import CLOSE, Point, every, real, value

from gradverify.theorems import algebra, calculus
from gradverify.theorems.algebra import Law, Normal
from gradverify.theorems.calculus import definition
from gradverify.theorems.index import plain, rename
from gradverify.theorems.notation import Array, D, Function, Sum, delta, each, exp, log
from gradverify.theorems.rules import RULES
from gradverify.theorems.sign import Facts
from gradverify.theorems.term import Apply, Number, Plus, Power, Sigma, Size, Term, Times
from gradverify.theorems.text import text

K, M = Size("K"), Size("M")
k, j, c, e = K.indices("k j c e")
m, o = M.indices("m o")
s, q = Array("s", (K,)), Array("q", (K,))
W = Array("W", (K, M))
a = Array("a")
y = Array("y", (M,), into=K)
Z = Function("Z", (s,), (), Sum(c, exp(s[c])))
p = Function("p", (s,), (k,), exp(s[k]) / Z)
F = Function("F", (s,), (), None)
FACTS = Facts(frozenset((q,)), (s[k],))
INDICES = (k, j, c, e, m, o)

atoms = st.one_of(
    st.sampled_from([Number(Fraction(v)) for v in (-2, -1, 0, 1, 2)] + [Number(Fraction(1, 2)), K.number]),
    st.sampled_from([s[i] for i in (k, j, c)] + [q[i] for i in (k, j, c)] + [s[y.at(m)], a.as_term()]),
    st.sampled_from([W[k, m], W[j, m], W[c, o], delta(k, j), delta(c, k), delta(y.at(m), k), delta(m, o)]),
    st.sampled_from([p[k], p[j], Z.as_term(), p(each(e, s[e] + q[k]))[j], F(q).as_term(), F(p).by(k), F(p).as_term()]),
    st.sampled_from([exp(s[k]), exp(s[k] + q[j]), log(q[k]), log(q[k] * q[j] / 2), log(exp(s[j])), exp(log(q[c]))]),
    st.sampled_from([Apply("relu", s[k]), Apply("slope", s[j]), 1 / q[k], q[j] ** -2, Z.as_term() ** -1]),
)


def grown(smaller: st.SearchStrategy[Term]) -> st.SearchStrategy[Term]:
    several = st.lists(smaller, min_size=2, max_size=3).map(tuple)
    return st.one_of(
        several.map(Plus),
        several.map(Times),
        st.builds(lambda i, body: Sigma((i,), body), st.sampled_from(INDICES), smaller),
        st.builds(lambda two, body: Sigma(two, body), st.sampled_from([(k, j), (j, c), (m, k), (o, m)]), smaller),
        st.builds(D, smaller, st.sampled_from([s[k], s[j], q[k], W[k, m], a])),
        st.builds(lambda x: Power(x, Fraction(2)), smaller),
    )


terms = st.recursive(atoms, grown, max_leaves=7)
LAWS = [law for module in (algebra, calculus) for _, law in inspect.getmembers(module, inspect.isfunction)
        if law.__module__ == module.__name__ and list(inspect.signature(law).parameters) == ["t", "n"]]  # fmt: skip
POINT = Point(
    {"K": 3, "M": 2},
    {
        "s": {(0,): 0.7, (1,): -1.1, (2,): 0.3},
        "q": {(0,): 0.9, (1,): 1.7, (2,): 0.4},
        "W": {(i, n): 0.3 * i - 0.7 * n + 0.2 for i in range(3) for n in range(2)},
        "a": {(): -0.6},
        "y": {(0,): 2, (1,): 0},
    },
)


def same(left: Term, right: Term) -> bool:
    free = tuple(sorted(left.free | right.free, key=lambda i: i.key))
    for where in every(free, POINT):
        try:
            x, z = real(value(left, POINT, where)), real(value(right, POINT, where))
        except (OverflowError, ZeroDivisionError):
            continue
        if math.isfinite(x) and abs(x) < 1e12 and not abs(x - z) <= CLOSE * max(1.0, abs(x), abs(z)):
            return False
    return True


@settings(max_examples=300)
@given(terms)
def test_plain_form_has_the_same_value(t: Term) -> None:
    assert same(t, plain(t)), text(t)
    assert plain(plain(t)) == plain(t)
    assert plain(t).free <= t.free


@settings(max_examples=200)
@given(terms, st.sampled_from([{k: j}, {j: k}, {k: j, j: k}, {k: y.at(m)}, {m: o, k: c}]))
def test_renaming_moves_free_indices_only(t: Term, to: dict) -> None:
    renamed = rename(plain(t), to)
    for where in islice(every(INDICES, POINT), 0, None, 37):
        before = {i: POINT.values["y"][(where[m],)] if to.get(i) == y.at(m) else where[to.get(i, i)] for i in INDICES}
        x, z = real(value(t, POINT, before)), real(value(renamed, POINT, where))
        assert abs(x - z) <= CLOSE * max(1.0, abs(x)), text(t)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@settings(max_examples=60)
@given(terms)
def test_a_law_keeps_the_value(law: Law, t: Term) -> None:
    assert same(t, Normal((law,), FACTS)(t)), text(t)


@settings(max_examples=250)
@given(terms, st.lists(st.sampled_from(RULES), min_size=2, max_size=4, unique_by=lambda r: r.name))
def test_rules_together_keep_the_value(t: Term, rules: list) -> None:
    laws = tuple(dict.fromkeys(law for rule in rules for law in rule.laws))
    assert same(t, Normal(laws, FACTS)(t)), text(t)


@settings(max_examples=250)
@given(terms)
def test_all_laws_together_keep_the_value(t: Term) -> None:
    laws = tuple(dict.fromkeys(law for rule in RULES for law in rule.laws))
    form = Normal((*laws, definition(Z), definition(p)), FACTS)(t)
    assume(len(form.key) < 20_000)
    assert same(t, form), text(t)


def test_every_law_belongs_to_a_rule_and_says_its_equation() -> None:
    licensed = {law for rule in RULES for law in rule.laws}
    assert set(LAWS) == licensed
    assert len(LAWS) >= 25
    assert all(law.__doc__ and law.__doc__.rstrip().endswith(".") for law in LAWS)


def dropping(t: Term, n: Normal) -> Term | None:
    """A wrong law: a delta is 1."""
    from gradverify.theorems.term import Delta

    return Number(Fraction(1)) if isinstance(t, Delta) else None


def test_a_wrong_law_is_seen() -> None:
    t = Sum(k, delta(k, j) * s[k])
    assert not same(t, Normal((dropping,))(t))
