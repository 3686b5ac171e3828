"""What SymPy silently gets wrong on sums, matrices and numbers that may be 0, and what is said of it here.

Each row: SymPy's answer, checked to be that; the same question in our terms; SymPy's answer in our terms, which the
calculus does not show and the instances refute; and the right answer, which both accept. If a row fails because SymPy
has learnt better, that is good news: drop the row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sympy as sp

from gradverify.theorems.acceptance import Accepted, Refused, accept
from gradverify.theorems.calculus import definition
from gradverify.theorems.derivation import Derivation, step
from gradverify.theorems.index import plain, rename
from gradverify.theorems.instance import Instances, Setting
from gradverify.theorems.notation import Array, D, Function, Sum, delta, exp, log
from gradverify.theorems.rules import RULES, Rule, equal
from gradverify.theorems.sign import Facts
from gradverify.theorems.term import Size, Term, term

# SymPy's side
n, m, N = sp.Symbol("n", integer=True), sp.Symbol("m", integer=True), sp.Symbol("N", integer=True, positive=True)
S = sp.IndexedBase("S")
summed_exp = sp.Sum(sp.exp(S[n]), (n, 1, N))
X = sp.MatrixSymbol("X", N, 1)
E = X.applyfunc(sp.exp)
total = (sp.OneMatrix(N, 1).T * E)[0, 0]

# Ours
K = Size("K")
k, j, c = K.indices("k j c")
s, t = Array("s", (K,)), Array("t", (K,))
a = Array("a")
Z = Function("Z", (s,), (), Sum(c, exp(s[c])))
p = Function("p", (s,), (k,), exp(s[k]) / Z)

Row = tuple[str, Callable[[], Any], Any, object, object, object]
WRONG: tuple[Row, ...] = (
    (
        "softmax by a name that is bound inside: 0 for p (1 - p)",
        lambda: sp.diff(sp.exp(S[n]) / summed_exp, S[n]),
        0,
        D(p[k], s[k]),
        0,
        p[k] * (1 - p[k]),
    ),
    (
        "a sum by a name that is bound inside: the sum for one exponential",
        lambda: sp.diff(summed_exp, S[n]),
        summed_exp,
        D(Sum(c, exp(s[c])), s[k]),
        Sum(c, exp(s[c])),
        exp(s[k]),
    ),
    (
        "a sum of squares by a name that is bound inside",
        lambda: sp.diff(sp.Sum(S[n] ** 2, (n, 1, N)), S[n]),
        sp.Sum(2 * S[n], (n, 1, N)),
        D(Sum(c, s[c] ** 2), s[k]),
        Sum(c, 2 * s[c]),
        2 * s[k],
    ),
    (
        "matrix calculus: the logarithm of a sum of exponentials",
        lambda: sp.log(total).diff(X),
        sp.ZeroMatrix(N, 1),
        D(log(Z), s[j]),
        0,
        p[j],
    ),
    (
        "matrix calculus: a sum of exponentials",
        lambda: total.diff(X),
        sp.ZeroMatrix(N, 1),
        D(Z, s[j]),
        0,
        exp(s[j]),
    ),
    (
        "matrix calculus: softmax without - p p'",
        lambda: sorted(str(type(x).__name__) for x in (E / total).diff(X).args),
        ["DiagMatrix", "Pow"],
        D(p[k], s[j]),
        p[k] * delta(k, j),
        p[k] * (delta(k, j) - p[j]),
    ),
)


def everything() -> tuple[Rule, ...]:
    return (*RULES, Rule("Z", "", (definition(Z),)), Rule("p", "", (definition(p),)))


def shown(left: Term, right: Term) -> bool:
    return equal(left, right, everything(), Facts()).equal


@pytest.mark.parametrize(("name", "ask", "answer", "left", "wrong", "right"), WRONG, ids=[row[0] for row in WRONG])
def test_sympy_is_silently_wrong_and_we_are_not(
    name: str, ask: Callable[[], Any], answer: Any, left: object, wrong: object, right: object
) -> None:
    assert ask() == answer
    instances = Instances(Setting((K,), (s,)))
    assert not shown(term(left), term(wrong))
    assert instances.compare(term(left), term(wrong)).counterexample
    assert shown(term(left), term(right))
    assert instances.compare(term(left), term(right)).agrees


@pytest.mark.parametrize("how", ["subs", "xreplace"])
def test_sympy_captures_an_index_and_we_do_not(how: str) -> None:
    sum_of_products = sp.Sum(S[n] * S[m], (n, 1, N))
    captured = sum_of_products.subs(m, n) if how == "subs" else sum_of_products.xreplace({m: n})
    assert captured == sp.Sum(S[n] ** 2, (n, 1, N))
    ours = rename(Sum(k, s[k] * s[j]), {j: k})
    assert ours == plain(Sum(c, s[c] * s[k]))
    assert ours != plain(Sum(c, s[c] ** 2))
    instances = Instances(Setting((K,), (s,)))
    assert instances.compare(ours, Sum(c, s[c] * s[k])).agrees
    assert instances.compare(ours, Sum(c, s[c] * s[c])).counterexample


def test_sympy_does_not_know_that_a_bound_name_does_not_matter_and_we_do() -> None:
    assert sp.Sum(S[n], (n, 1, N)) != sp.Sum(S[m], (m, 1, N))
    assert plain(Sum(k, s[k])) == plain(Sum(j, s[j]))
    assert plain(Sum(k, s[k] * t[j])) != plain(Sum(j, s[j] * t[j]))


def test_sympy_contracts_a_delta_only_where_the_index_is_in_range_and_ours_always_is() -> None:
    contracted = sp.Sum(sp.KroneckerDelta(n, m) * S[n], (n, 1, N)).doit()
    assert isinstance(contracted, sp.Piecewise)
    assert shown(Sum(k, delta(k, j) * s[k]), s[j])


def test_sympy_decides_before_anybody_has_named_a_rule_and_we_do_not() -> None:
    x = sp.Symbol("x")
    assert x / x == 1  # although x may be 0
    assert sp.exp(x) * sp.exp(-x) == 1
    assert plain(a / a) != plain(term(1))
    assert plain(exp(a) * exp(-a)) != plain(term(1))
    refused = accept(Derivation("d", "d", a / a, term(1), (step(1, "cancel"),)))
    assert isinstance(refused, Refused)
    accepted = accept(
        Derivation("d", "d", exp(a) * exp(-a), term(1), (step(exp(a) / exp(a), "exp of a sum"), step(1, "cancel")))
    )
    assert isinstance(accepted, Accepted)
