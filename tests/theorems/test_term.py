"""Terms are syntax: what is written stays as written, what cannot be meant is refused, and it prints for people."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import pytest

from gradverify._errors import Misuse
from gradverify.theorems.index import Blocked, plain, put, rename, unfolded
from gradverify.theorems.latex import latex
from gradverify.theorems.notation import Array, D, Function, Sum, delta, each, exp, log, relu, slope
from gradverify.theorems.sign import Facts, non_negative, nonzero, positive
from gradverify.theorems.term import Apply, Call, Formula, Partial, Size, term
from gradverify.theorems.text import text

K, M = Size("K"), Size("M")
k, j, c = K.indices("k j c")
(m,) = M.indices("m")
s, q, t = (Array(name, (K,)) for name in "sqt")
W = Array("W", (K, M))
a, b = Array("a"), Array("b")
y = Array("y", (M,), into=K)
Z = Function("Z", (s,), (), Sum(c, exp(s[c])))
p = Function("p", (s,), (k,), exp(s[k]) / Z)
ell = Function("ell", (q,), (), -Sum(c, t[c] * log(q[c])), latex=r"\ell")
L = Function("L", (s,), (), ell(p))
z = Function("z", (), (m,), Sum(k, W[k, m] * s[k]))
F = Function("F", (q,), (), None)


def test_building_a_term_evaluates_nothing() -> None:
    assert text(a / a) == "a/a"
    assert text(exp(a) * exp(-a)) == "exp(a)*exp(-a)"
    assert text(a + a) == "a + a"
    assert text(0 * a + Fraction(1, 2)) == "0*a + 1/2"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: s[m], r"s: its indices run over (K); got (m:M)."),
        (lambda: s[k, j], r"s: its indices run over (K); got (k:K, j:K)."),
        (lambda: s[0], r"s: its indices run over (K); got (0)."),
        (lambda: delta(k, m), "delta: k:K and m:M run over different sizes."),
        (lambda: a + 0.5, "0.5 is no term; write a Fraction."),
        (lambda: a + "b", "'b' is no term."),
        (lambda: a + True, "True is no term."),
        (lambda: D(s[k], p[k]), "a derivative is by an entry of a free array, such as s[j]."),
        (lambda: y[m], "y: holds indices into K, not numbers; write y.at(...)."),
        (lambda: s.at(k), "s: holds numbers, not indices; give it into=, or write s[...]."),
        (lambda: p(s, s), "p: takes 1 arrays, got 2."),
        (lambda: p(W), "p: s is an array over (K); got one over (K, M)."),
        (lambda: Function("f", (s,), (), s[k]), "f: its formula has a free index k; bind it, or name it."),
        (lambda: Function("f", (s,), (), Function("g", (), (), Sum(k, s[k])).as_term() * a),
         "f: a function in its formula speaks of s without taking it as a parameter"),
        (lambda: Size("K L"), "size 'K L': a name is a letter, then letters, digits or underscores."),
        (lambda: Array("(s"), "array '(s'"),
        (lambda: K.indices("_1"), "index '_1'"),
        (lambda: Apply("sin", a.as_term()), "'sin' is no elementary function; they are exp, log, relu, slope."),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_where_it_is_written(build, message: str) -> None:
    with pytest.raises(Misuse) as wrong:
        build()
    assert message in str(wrong.value)


def test_terms_are_alike_when_they_are_written_alike() -> None:
    assert Sum(k, s[k]) == Sum(k, s[k])
    assert Sum(k, s[k]) != Sum(j, s[j])
    assert plain(Sum(k, s[k] * a)) == plain(Sum(j, a * s[j]))
    assert plain(Sum(k, Sum(j, W[k, m] * s[j]))) == plain(Sum((k, c), s[c] * W[k, m]))
    assert plain(Sum((k, j), s[k] * t[j])) != plain(Sum((j, k), s[k] * t[j])), "the order of sums is a rule of its own"
    assert len({s[k], s[k], s[j]}) == 2


def test_renaming_renames_a_bound_index_that_would_capture() -> None:
    assert rename(plain(Sum(k, s[k] * s[j])), {j: k}) == plain(Sum(c, s[c] * s[k]))
    nested = plain(Sum(k, s[k] * Sum(c, t[c] * s[j])))
    assert rename(nested, {j: c}) == plain(Sum(k, s[k] * Sum(j, t[j] * s[c])))
    assert rename(plain(Sum(k, s[k])), {k: j}) == plain(Sum(k, s[k])), "a bound index is nobody else's"


def test_a_binder_that_was_not_opened_is_not_captured_either() -> None:
    outer = plain(Sum(k, s[k] * a))
    (bound,) = outer.binds
    inside = plain(Sum(j, W[j, m] * s[bound]))
    assert bound in inside.free
    assert rename(inside, {bound: c}) == plain(Sum(j, W[j, m] * s[c]))
    called = unfolded(plain(Function("y", (), (k,), Sum(j, s[j] * s[k]))[bound]))
    assert called is not None
    assert rename(called, {bound: c}) == plain(Sum(j, s[j] * s[c]))


def test_putting_an_array_captures_nothing() -> None:
    formula = plain(each(k, s[k] * t[c]))
    assert isinstance(formula, Formula)
    assert put(plain(Sum(c, q[c])), {q: formula}) == plain(Sum(k, s[k] * t[c]))


def test_a_derivative_by_what_is_replaced_becomes_a_partial_derivative_or_is_blocked() -> None:
    formula = plain(each(k, s[k] + a))
    assert isinstance(formula, Formula)
    assert put(plain(D(F(q), q[k])), {q: formula}) == plain(F(each(c, s[c] + a)).by(k))
    with pytest.raises(Blocked, match="the derivative by q is not of a function at q itself"):
        put(plain(D(q[k] ** 2, q[j])), {q: formula})
    with pytest.raises(Blocked, match="speaks of W without taking it"):
        put(plain(z[m]), {W: plain(each((k, m), W[k, m] + 1))})  # type: ignore[dict-item]


def test_a_partial_derivative_at_a_free_array_is_the_derivative() -> None:
    assert plain(F(s).by(k)) == plain(D(F(s), s[k]))
    assert isinstance(plain(F(p).by(k)), Partial)


def test_a_definition_is_opened_at_its_arguments() -> None:
    opened = unfolded(plain(p(each(c, s[c] + a))[j]))
    assert opened == plain(exp(s[j] + a) / Z(each(c, s[c] + a)))
    call = plain(F(s).as_term())
    assert isinstance(call, Call)
    assert unfolded(call) is None


def test_what_a_term_depends_on() -> None:
    assert s in L.as_term().arrays
    assert t in L.as_term().arrays, "by the formula of ell"
    assert q not in L.as_term().arrays, "ell's own variable is nobody else's"
    assert W in z[m].arrays
    assert q not in z[m].arrays


# Signs


@pytest.mark.parametrize(
    ("of", "is_positive", "is_non_negative", "is_nonzero"),
    [
        (exp(a), True, True, True),
        (term(0), False, True, False),
        (term(-2), False, False, True),
        (K.number, True, True, True),
        (s[k], False, False, False),
        (q[k], True, True, True),
        (t[k], False, False, True),
        (q[k] - 1, False, False, False),
        (Z.as_term(), True, True, True),
        (p[k] * q[j], True, True, True),
        (s[k] ** 2, False, True, False),
        (s[k] ** 2 + 1, True, True, True),
        (s[k] ** 3, False, False, False),
        (Sum(k, s[k] ** 2), False, True, False),
        (Sum(k, q[k] * s[k] ** 2) + Fraction(1, 100), True, True, True),
        (-q[k], False, False, True),
        (-q[k] - exp(a), False, False, True),
        (relu(s[k]), False, True, False),
        (relu(s[k]) + q[k], True, True, True),
        (log(q[k]), False, False, False),
        (t[k] * q[k], False, False, True),
        (delta(k, j), False, True, False),
        (F(q).as_term(), False, False, False),
    ],
    ids=str,
)
def test_signs_are_known_only_with_a_reason(of, is_positive: bool, is_non_negative: bool, is_nonzero: bool) -> None:
    facts = Facts(frozenset((q,)), (t[c],))
    known = [f(plain(term(of)), facts) is not None for f in (positive, non_negative, nonzero)]
    assert known == [is_positive, is_non_negative, is_nonzero]


# For people


@pytest.mark.parametrize(
    ("of", "shown", "in_latex"),
    [
        (p[k] * (delta(k, j) - p[j]), "p[k]*(delta[k,j] - p[j])", r"p_k \left( \delta_{kj} - p_j \right)"),
        (-t[k] / q[k], "-t[k]/q[k]", r"-\frac{t_k}{q_k}"),
        (exp(s[k]) / Z, "exp(s[k])/Z", r"\frac{e^{s_k}}{Z}"),
        (1 / Z**2, "1/Z^2", r"\frac{1}{Z^{2}}"),
        (a / b * s[k], "a/b*s[k]", r"\frac{a}{b} s_k"),
        (a / b / Z, "a/b/Z", r"\frac{a}{b Z}"),
        ((a + b) * s[k], "(a + b)*s[k]", r"\left( a + b \right) s_k"),
        ((a + b) / (a - b), "(a + b)/(a - b)", r"\frac{a + b}{a - b}"),
        (a * (b - 1), "a*(b - 1)", r"a \left( b - 1 \right)"),
        (a - (b - 1), "a - (b - 1)", r"a - \left( b - 1 \right)"),
        (-(a + b), "-(a + b)", r"-\left( a + b \right)"),
        (a * Fraction(-3, 2), "a*(-3/2)", r"a \left( -\frac{3}{2} \right)"),
        (Fraction(1, 2) * a, "(1/2)*a", r"\frac{1}{2} a"),
        (2 * a * 3, "2*a*3", r"2 a \cdot 3"),
        (Sum(k, s[k]) - a, "(sum_k s[k]) - a", r"\left( \sum_{k} s_k \right) - a"),
        (a - Sum(k, s[k]), "a - sum_k s[k]", r"a - \sum_{k} s_k"),
        (Sum(k, s[k] + a), "sum_k (s[k] + a)", r"\sum_{k} \left( s_k + a \right)"),
        (a * Sum(k, s[k]) - b, "a*(sum_k s[k]) - b", r"a \left( \sum_{k} s_k \right) - b"),
        (a * Sum(k, s[k]), "a*sum_k s[k]", r"a \sum_{k} s_k"),
        (Sum(k, s[k]) * a, "(sum_k s[k])*a", r"\left( \sum_{k} s_k \right) a"),
        (Sum((k, m), W[k, m]), "sum_k,m W[k,m]", r"\sum_{k,m} W_{km}"),
        (D(p[k], s[j]), "d[p[k]]/ds[j]", r"\frac{\partial p_k}{\partial s_j}"),
        (D(a * s[k], s[j]), "d[a*s[k]]/ds[j]", r"\frac{\partial}{\partial s_j} \left( a s_k \right)"),
        (ell(p).by(k), "dell/dq[k](p)", r"\frac{\partial \ell}{\partial q_k}(p)"),
        (F(p).as_term(), "F(p)", "F(p)"),
        (p(each(c, s[c] + a))[k], "p([c -> s[c] + a])[k]", r"p_k(s_1 + a, \dots, s_K + a)"),
        (exp(a) ** 2, "exp(a)^2", r"\left( e^{a} \right)^{2}"),
        (q[k] ** Fraction(1, 2), "q[k]^(1/2)", r"\sqrt{q_k}"),
        (s[y.at(m)], "s[y[m]]", r"s_{y_m}"),
        (log(a * b), "log(a*b)", r"\log \left( a b \right)"),
        (relu(a) * slope(a), "relu(a)*slope(a)", r"\max(a, 0) [ a > 0 ]"),
        (K.number * a, "K*a", "K a"),
    ],
)
def test_a_term_prints_as_a_person_would_write_it(of, shown: str, in_latex: str) -> None:
    assert text(term(of)) == shown
    assert latex(term(of)) == in_latex


def test_scripts_can_be_written_without_sympy() -> None:
    code = "import sys; import gradverify.theorems; sys.exit('sympy' in sys.modules or 'flint' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
