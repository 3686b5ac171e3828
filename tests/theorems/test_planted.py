"""A wrong step in an otherwise right derivation is refused, at that step and for the right reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import pytest

from gradverify.theorems.acceptance import Accepted, Reason, Refused, accept
from gradverify.theorems.derivation import THEOREM, Derivation, Hypothesis, step
from gradverify.theorems.notation import Array, D, Function, Sum, delta, each, exp, log, relu, slope
from gradverify.theorems.term import Delta, Size, Term, negative, term
from gradverify.theorems.theorem import folder, load

K = Size("K")
k, j, c = K.indices("k j c")
s, t, w = (Array(name, (K,)) for name in "stw")
q, r = Array("q", (K,)), Array("r", (K,))
a, b = Array("a"), Array("b")
y, v = Array("y", (K,), into=K), Array("v", (), into=K)
Z = Function("Z", (s,), (), Sum(c, exp(s[c])))
p = Function("p", (s,), (k,), exp(s[k]) / Z)
total = Function("total", (q,), (), Sum(c, q[c]))
ell = Function("ell", (q, t), (), -Sum(c, t[c] * log(q[c])))
L = Function("L", (s, t), (), ell(p, t))
T1 = Hypothesis("labels sum to 1", Sum(k, t[k]), 1, fixes=t)
USES = ("labels sum to 1",)
SIGN, FALSE, OTHER, ILL = Reason.SIGN, Reason.FALSE, Reason.OTHER_RULE, Reason.ILL_FORMED
HYP, UNKNOWN, NEEDLESS = Reason.HYPOTHESIS, Reason.UNKNOWN, Reason.NOT_NEEDED


@cache
def seed() -> dict[str, Derivation]:
    return {theorem.name: theorem.derivation for theorem in load(folder())}


def judged(left: object, *steps: Any, **declared: Any) -> Accepted | Refused:
    """What becomes of a derivation whose statement is that its first and last expression are equal."""
    first = term(left)
    return accept(Derivation("planted", "planted", first, steps[-1].expression, steps, **declared), seed())


# (what goes wrong, left side, the planted step, what is declared, the reason it is refused for)
POSITIVE, NONE = {"positive": (q, r)}, {}
TABLE: tuple[tuple[str, object, Any, dict[str, Any], Reason], ...] = (
    # an index is captured
    ("capture", Sum(k, s[k]) * Sum(k, t[k]), step(Sum(k, s[k] * t[k]), "linearity of the sum"), NONE, FALSE),
    ("capture", Sum(k, s[k] * t[j]), step(Sum(k, s[k] * t[k]), "same"), NONE, FALSE),
    ("capture", Sum(k, s[k] * t[j]), step(Sum(j, s[j] * t[j]), "same"), NONE, ILL),
    ("capture", D(Sum(c, exp(s[c])), s[j]), step(Sum(c, exp(s[c])), "derivative of a sum"), NONE, FALSE),
    ("capture", D(Sum(c, s[c] ** 2), s[j]), step(Sum(c, D(s[c] ** 2, s[c])), "derivative of a sum"), NONE, FALSE),
    ("capture", D(Sum(j, exp(s[j])), s[j]), step(exp(s[j]), "derivative of a sum"), NONE, ILL),
    ("capture", total(each(k, s[k] * t[c])), step(Sum(k, s[k] * t[k]), "definition of total"), NONE, FALSE),
    ("capture", total(each(k, s[k] * t[c])), step(Sum(c, s[c] * t[c]), "definition of total"), NONE, ILL),
    ("capture", Z(each(k, s[k] - s[c])), step(Sum(k, exp(s[k] - s[k])), "definition of Z"), NONE, FALSE),
    ("capture", p(each(c, s[c] + t[k]))[k], step(exp(s[k] + t[k]) / Sum(c, exp(s[c] + t[c])), "definition of p",
                                                 "definition of Z"), NONE, FALSE),
    ("capture", s[j] * Sum(k, t[k]), step(Sum(k, s[k] * t[k]), "linearity of the sum"), NONE, FALSE),
    ("capture", Sum(k, s[k] * Sum(j, t[j])), step(Sum(k, s[k] * Sum(k, t[k])), "same"), NONE, ILL),
    ("capture", Sum(k, s[k]), step(s[k] * K.number, "sum of equal terms"), NONE, ILL),
    # a hypothesis is used and not named, or not declared, or where it does not hold
    ("hypothesis", p[j] * Sum(k, t[k]), step(p[j], "algebra"), {"hypotheses": (T1,)}, HYP),
    ("hypothesis", Sum(k, t[k]), step(1, "hypothesis"), NONE, FALSE),
    ("hypothesis", Sum(k, t[k]), step(1, "hypothesis", uses=USES), NONE, UNKNOWN),
    ("hypothesis", D(Sum(k, t[k]), t[j]), step(D(1, t[j]), "hypothesis", uses=USES), {"hypotheses": (T1,)}, FALSE),
    ("hypothesis", D(Sum(k, t[k]) * t[j], t[j]), step(D(t[j], t[j]), "hypothesis", uses=USES), {"hypotheses": (T1,)},
     FALSE),
    ("hypothesis", Sum(k, t[k] * s[k]), step(s[j], "hypothesis", uses=USES), {"hypotheses": (T1,)}, ILL),
    ("hypothesis", Sum(k, w[k]), step(1, "hypothesis", uses=USES), {"hypotheses": (T1,)}, FALSE),
    ("hypothesis", Sum(k, t[k] ** 2), step(1, "hypothesis", uses=USES), {"hypotheses": (T1,)}, FALSE),
    ("hypothesis", s[k] + 0, step(s[k], "same", uses=USES), {"hypotheses": (T1,)}, NEEDLESS),
    ("hypothesis", D(L, s[j]), step(p[j] - t[j], "theorem cross_entropy_gradient"), NONE, HYP),
    # a rule goes under another's name
    ("other rule", Sum(k, s[k] + t[k]), step(Sum(k, s[k]) + Sum(k, t[k]), "algebra"), NONE, OTHER),
    ("other rule", Sum(k, a * s[k]), step(a * Sum(k, s[k]), "split the sum"), NONE, OTHER),
    ("other rule", a * (s[k] + t[k]), step(a * s[k] + a * t[k], "linearity of the sum"), NONE, OTHER),
    ("other rule", Sum(k, delta(k, j) * s[k]), step(s[j], "linearity of the sum"), NONE, OTHER),
    ("other rule", Sum(k, delta(k, j) * s[k]), step(s[j], "delta replaces"), NONE, OTHER),
    ("other rule", delta(k, j) * s[k], step(delta(k, j) * s[j], "delta contracts"), NONE, OTHER),
    ("other rule", exp(a + b), step(exp(a) * exp(b), "algebra"), NONE, OTHER),
    ("other rule", exp(-a), step(1 / exp(a), "algebra of fractions"), NONE, OTHER),
    ("other rule", log(q[k] * r[k]), step(log(q[k]) + log(r[k]), "log of exp"), POSITIVE, OTHER),
    ("other rule", log(exp(a)), step(a, "log of a product"), NONE, OTHER),
    ("other rule", exp(log(q[k])), step(q[k], "log of exp"), POSITIVE, OTHER),
    ("other rule", D(exp(s[k]), s[j]), step(exp(s[k]) * D(s[k], s[j]), "power rule"), NONE, OTHER),
    ("other rule", D(s[k], s[j]), step(delta(k, j), "derivative of a constant"), NONE, OTHER),
    ("other rule", D(t[k], s[j]), step(0, "derivative of a coordinate"), NONE, OTHER),
    ("other rule", D(s[k] * t[k], s[j]), step(t[k] * D(s[k], s[j]), "product rule"), NONE, OTHER),
    ("other rule", D(s[k] / q[k], s[j]), step(D(s[k], s[j]) / q[k], "quotient rule"), POSITIVE, OTHER),
    ("other rule", Sum(k, Sum(j, s[k] * t[j])), step(Sum(j, Sum(k, s[k] * t[j])), "split the sum"), NONE, OTHER),
    ("other rule", Sum(k, s[j]), step(K.number * s[j], "linearity of the sum"), NONE, OTHER),
    ("other rule", p[k], step(exp(s[k]) / Z, "definition of Z"), NONE, OTHER),
    ("other rule", q[k] / q[k], step(1, "algebra"), POSITIVE, OTHER),
    ("other rule", s[k] + s[k], step(2 * s[k], "cancel"), NONE, OTHER),
    ("other rule", s[k] * s[k], step(s[k] ** 2, "same"), NONE, OTHER),
    ("other rule", relu(q[k]), step(slope(q[k]) * q[k], "derivative of relu"), POSITIVE, OTHER),
    ("other rule", D(ell(p, t), s[j]), step(Sum(k, ell(p, t).by(k) * D(p[k], s[j])), "split the sum"), NONE, OTHER),
    ("other rule", D(Z, s[j]), step(exp(s[j]), "theorem softmax_sums_to_one"), NONE, Reason.NOT_SHOWN),
    ("other rule", Sum(k, p[k]), step(1, "algebra of fractions"), NONE, Reason.NOT_SHOWN),
    ("other rule", s[k] + 0, step(s[k], "arithmetic"), NONE, UNKNOWN),
    ("other rule", s[k] + 0, step(s[k], "definition of s"), NONE, UNKNOWN),
    ("other rule", s[k] + 0, step(s[k], "algebra"), NONE, NEEDLESS),
    ("other rule", Sum(k, a * s[k]), step(a * Sum(k, s[k]), "linearity of the sum", "algebra"), NONE, NEEDLESS),
    ("other rule", Sum(k, p[k]), step(1, "theorem no_such"), NONE, UNKNOWN),
    # a sign that nobody gave
    ("sign", log(q[k] * t[k]), step(log(q[k]) + log(t[k]), "log of a product"), POSITIVE, SIGN),
    ("sign", log(t[k] ** 2), step(2 * log(t[k]), "log of a product"), NONE, SIGN),
    ("sign", t[k] / t[k], step(1, "cancel"), NONE, SIGN),
    ("sign", s[k] * t[k] / t[k], step(s[k], "algebra of fractions"), NONE, SIGN),
    ("sign", 1 / (1 / t[k]), step(t[k], "algebra"), NONE, SIGN),
    ("sign", (t[k] ** 2) ** Fraction(1, 2), step(t[k], "algebra"), NONE, SIGN),
    ("sign", Sum(k, t[k]) / Sum(k, t[k]), step(1, "cancel"), NONE, SIGN),
    ("sign", D(log(t[k]), t[j]), step(D(t[k], t[j]) / t[k], "derivative of log"), NONE, SIGN),
    ("sign", exp(log(t[k])), step(t[k], "exp of log"), NONE, SIGN),
    ("sign", D(s[k] / t[k], t[j]), step((D(s[k], t[j]) * t[k] - s[k] * D(t[k], t[j])) / t[k] ** 2, "quotient rule"),
     NONE, SIGN),
    ("sign", D(1 / t[k], t[j]), step(-(t[k] ** -2) * D(t[k], t[j]), "power rule"), NONE, SIGN),
    ("sign", relu(t[k]), step(slope(t[k]) * t[k], "relu by its slope"), NONE, SIGN),
    ("sign", D(relu(t[k]), t[j]), step(slope(t[k]) * D(t[k], t[j]), "derivative of relu"), NONE, SIGN),
    ("sign", ell(s, t).by(k), step(-t[k] / s[k], "theorem loss_by_probability", at={q: s}), NONE, SIGN),
    ("sign", a / b + 1 / b, step((a + 1) / b * b / b, "algebra of fractions"), NONE, SIGN),
    # a delta is dropped, or turned into another
    ("delta", D(s[k], s[j]), step(1, "derivative of a coordinate"), NONE, FALSE),
    ("delta", D(p[k], s[j]), step(p[k] * (1 - p[j]), "theorem softmax_jacobian"), NONE, FALSE),
    ("delta", D(p[k], s[j]), step(-p[k] * p[j], "theorem softmax_jacobian"), NONE, FALSE),
    ("delta", Sum(k, delta(k, j) * s[k]), step(Sum(k, s[k]), "delta contracts"), NONE, FALSE),
    ("delta", Sum(k, delta(k, j) * s[k]), step(K.number * s[j], "delta contracts"), NONE, FALSE),
    ("delta", delta(k, j) * s[k], step(s[j], "delta replaces"), NONE, FALSE),
    ("delta", delta(k, j) * delta(j, c), step(delta(k, c), "delta replaces"), NONE, FALSE),
    ("delta", Sum(k, delta(k, k) * s[k]), step(s[j], "delta contracts"), NONE, ILL),
    # a compound index
    ("compound", Sum(k, delta(y.at(k), j) * s[k]), step(s[j], "delta contracts"), NONE, FALSE),
    ("compound", Sum(k, delta(k, y.at(k)) * s[k]), step(s[v.at()], "delta contracts"), NONE, FALSE),
    ("compound", delta(y.at(k), j) * s[k], step(delta(y.at(k), j) * s[j], "delta replaces"), NONE, FALSE),
    ("compound", D(s[y.at(k)], s[j]), step(delta(k, j), "derivative of a coordinate"), NONE, FALSE),
    ("compound", Sum(k, delta(k, y.at(j)) * delta(k, y.at(c))), step(delta(j, c), "delta contracts"), NONE, FALSE),
    ("compound", delta(y.at(k), y.at(j)), step(delta(k, j), "delta replaces"), NONE, FALSE),
    ("compound", Sum(k, s[y.at(k)]), step(Sum(k, s[k]), "same"), NONE, FALSE),
    # it is simply false
    ("false", exp(a + b), step(exp(a) + exp(b), "exp of a sum"), NONE, FALSE),
    ("false", log(q[k] + r[k]), step(log(q[k]) + log(r[k]), "log of a product"), POSITIVE, FALSE),
    ("false", Sum(k, s[k] * t[k]), step(Sum(k, s[k]) * Sum(k, t[k]), "linearity of the sum"), NONE, FALSE),
    ("false", Sum(k, s[j]), step(s[j], "sum of equal terms"), NONE, FALSE),
    ("false", D(s[k] * p[k], s[j]), step(s[k] * D(p[k], s[j]), "constant factor"), NONE, FALSE),
    ("false", D(p[k], s[j]), step(0, "derivative of a constant"), NONE, FALSE),
    ("false", D(s[k] * p[k], s[j]), step(D(s[k], s[j]) * p[k], "product rule"), NONE, FALSE),
    ("false", D(s[k] / Z, s[j]), step((s[k] * D(Z, s[j]) - D(s[k], s[j]) * Z) / Z**2, "quotient rule"), NONE, FALSE),
    ("false", D(s[k] / Z, s[j]), step((D(s[k], s[j]) * Z - s[k] * D(Z, s[j])) / Z, "quotient rule"), NONE, FALSE),
    ("false", D(s[k] ** 3, s[j]), step(3 * s[k] ** 3 * D(s[k], s[j]), "power rule"), NONE, FALSE),
    ("false", D(ell(p, t), s[j]), step(ell(p, t).by(j) * D(p[j], s[j]), "chain rule"), NONE, FALSE),
    ("false", (s[k] + t[k]) ** 2, step(s[k] ** 2 + t[k] ** 2, "algebra"), NONE, FALSE),
    ("false", relu(t[k]), step(t[k], "relu by its slope"), NONE, FALSE),
)  # fmt: skip


@pytest.mark.parametrize(("left", "planted", "declared", "reason"), [row[1:] for row in TABLE], ids=lambda x: "")
def test_a_wrong_step_is_refused_for_its_reason(
    left: object, planted: Any, declared: dict[str, Any], reason: Reason
) -> None:
    refused = judged(left, planted, **declared)
    assert isinstance(refused, Refused)
    assert refused.reason is reason, str(refused)
    assert refused.step == (0 if reason is ILL else 1)
    assert refused.found[0].isupper(), "a message begins with a capital"
    assert refused.found.endswith("."), "and ends with a full stop"


def test_the_table_has_enough_of_every_kind() -> None:
    kinds = Counter(row[0] for row in TABLE)
    assert sum(kinds.values()) >= 60
    assert min(kinds[kind] for kind in ("capture", "hypothesis", "other rule", "sign", "delta", "compound")) >= 7


# The right twins of what the table refuses: a refusal is worth something only beside what is accepted.

RIGHT: tuple[tuple[object, Any, dict[str, Any]], ...] = (
    (D(Sum(c, exp(s[c])), s[j]), step(Sum(c, D(exp(s[c]), s[j])), "derivative of a sum"), NONE),
    (total(each(k, s[k] * t[c])), step(Sum(k, s[k] * t[c]), "definition of total"), NONE),
    (Z(each(k, s[k] - s[c])), step(Sum(k, exp(s[k] - s[c])), "definition of Z"), NONE),
    (Sum(k, s[k]) * Sum(k, t[k]), step(Sum((k, j), s[k] * t[j]), "linearity of the sum"), NONE),
    (Sum(k, s[k] * t[j]), step(Sum(c, t[j] * s[c]), "same"), NONE),
    (D(L, s[j]), step(p[j] - t[j], "theorem cross_entropy_gradient", uses=USES), {"hypotheses": (T1,)}),
    (p[j] * Sum(k, t[k]), step(p[j], "hypothesis", uses=USES), {"hypotheses": (T1,)}),
    (D(s[j] * Sum(k, t[k]), s[c]), step(D(s[j], s[c]), "hypothesis", uses=USES), {"hypotheses": (T1,)}),
    (log(q[k] * r[k]), step(log(q[k]) + log(r[k]), "log of a product"), POSITIVE),
    ((q[k] ** 2) ** Fraction(1, 2), step(q[k], "algebra"), POSITIVE),
    (1 / (1 / q[k]), step(q[k], "algebra"), POSITIVE),
    (s[k] * q[k] / q[k], step(s[k], "cancel"), POSITIVE),
    (ell(r, t).by(k), step(-t[k] / r[k], "theorem loss_by_probability", at={q: r}), POSITIVE),
    (relu(t[k]), step(slope(t[k]) * t[k], "relu by its slope"), {"nonzero": (t[j],)}),
    (s[k] * a / a, step(s[k], "cancel"), {"nonzero": (a,)}),
    (Sum(k, delta(k, y.at(j)) * s[k]), step(s[y.at(j)], "delta contracts"), NONE),
    (delta(y.at(k), j) * s[j], step(delta(y.at(k), j) * s[y.at(k)], "delta replaces"), NONE),
    (D(s[y.at(k)], s[j]), step(delta(y.at(k), j), "derivative of a coordinate"), NONE),
    (Sum(k, delta(k, y.at(j)) * delta(k, y.at(c))), step(delta(y.at(j), y.at(c)), "delta contracts"), NONE),
    (Sum(k, s[j]), step(K.number * s[j], "sum of equal terms"), NONE),
    (Sum(k, Sum(j, s[k] * t[j] * w[j])), step(Sum(j, Sum(k, s[k] * t[j] * w[j])), "order of the sums"), NONE),
)


@pytest.mark.parametrize(("left", "right", "declared"), RIGHT, ids=lambda x: "")
def test_a_right_step_is_accepted(left: object, right: Any, declared: dict[str, Any]) -> None:
    accepted = judged(left, right, **declared)
    assert isinstance(accepted, Accepted), str(accepted)


# The seed's own derivations with one step spoiled, wherever it can be spoiled


def without_a_delta(t: Term) -> Term | None:
    """The term with its first delta gone."""
    if isinstance(t, Delta):
        return term(1)
    for n, part in enumerate(t.terms):
        new = without_a_delta(part)
        if new is not None:
            return t.rebuilt((*t.terms[:n], new, *t.terms[n + 1 :]), t.points, t.binds)
    return None


def spoiled() -> Iterator[tuple[str, int, Derivation, frozenset[Reason]]]:
    for d in seed().values():
        for n, right in enumerate(d.steps):
            there = (d, n)
            if "order of the sums" not in right.rules and not right.uses:
                yield planted("another rule's name", there, rules=("order of the sums",))
            if right.uses:
                yield planted("hypothesis not named", there, uses=())
            if d.right != term(0):  # minus 0 is 0
                yield planted("sign", there, expression=negative(right.expression))
            fewer = without_a_delta(right.expression)
            if fewer is not None:
                yield planted("dropped delta", there, expression=fewer)


EXPECTED = {
    "another rule's name": frozenset((OTHER, Reason.NOT_SHOWN)),
    "hypothesis not named": frozenset((HYP, UNKNOWN)),
    "sign": frozenset((FALSE,)),
    "dropped delta": frozenset((FALSE,)),
}


def planted(kind: str, where: tuple[Derivation, int], **change: Any) -> tuple[str, int, Derivation, frozenset[Reason]]:
    d, n = where
    steps = (*d.steps[:n], replace(d.steps[n], **change), *d.steps[n + 1 :])
    return kind, n + 1, replace(d, steps=steps), EXPECTED[kind]


def test_every_step_of_the_seed_is_refused_once_it_is_spoiled() -> None:
    """Judged by itself: the steps before it are the seed's own, and accepted elsewhere."""
    count: Counter[str] = Counter()
    for kind, number, d, reasons in spoiled():
        before = d.steps[number - 2].expression if number > 1 else d.left
        last = d.steps[number - 1]
        alone = Derivation(d.name, d.title, before, last.expression, (last,), d.hypotheses, d.positive, d.nonzero)
        refused = accept(alone, seed())
        assert isinstance(refused, Refused), (kind, d.name, number)
        assert refused.reason in reasons, (kind, str(refused))
        count[kind] += 1
    assert set(count) == set(EXPECTED)
    assert count["another rule's name"] >= 100
    assert count["dropped delta"] >= 15


def test_a_spoiled_step_is_named_in_its_place() -> None:
    d = seed()["softmax_jacobian"]
    steps = (*d.steps[:3], replace(d.steps[3], expression=negative(d.steps[3].expression)), *d.steps[4:])
    refused = accept(replace(d, steps=steps), seed())
    assert isinstance(refused, Refused)
    assert (refused.step, refused.reason) == (4, FALSE)
    assert str(refused).startswith("softmax_jacobian, step 4: it is false.\n  from  ")
    assert "the left side is" in str(refused)


def test_steps_that_end_elsewhere_are_unfinished() -> None:
    d = seed()["softmax_jacobian"]
    refused = accept(replace(d, steps=d.steps[:-1]), seed())
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.step) == (Reason.UNFINISHED, len(d.steps) - 1)


def test_a_hypothesis_that_no_step_uses_is_refused() -> None:
    d = seed()["cross_entropy_gradient_any_labels"]
    refused = accept(replace(d, hypotheses=(T1,)), seed())
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.step) == (NEEDLESS, 0)
    assert "'labels sum to 1'" in refused.found


def test_a_theorem_without_steps_is_refused() -> None:
    refused = accept(replace(seed()["softmax_jacobian"], steps=()), seed())
    assert isinstance(refused, Refused)
    assert refused.reason is ILL


def test_where_nothing_can_be_seen_nothing_is_agreed() -> None:
    refused = judged(a * 0 * s[k], step(0 * s[k], "same"))
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.BLUNT
    assert "would not be seen" in refused.found


def test_names_are_declared_once() -> None:
    other = Array("s", (K, K))
    refused = judged(s[k] + other[k, k], step(other[k, k] + s[k], "same"))
    assert isinstance(refused, Refused)
    assert (refused.reason, refused.found) == (ILL, "s is declared in two ways.")


def test_a_theorem_in_other_words_cannot_be_cited() -> None:
    mine = Function("p", (s,), (k,), 2 * exp(s[k]) / Z)
    refused = judged(Sum(k, mine[k]), step(1, "theorem softmax_sums_to_one"))
    assert isinstance(refused, Refused)
    assert refused.reason is UNKNOWN
    assert "p is declared otherwise" in refused.found
    assert THEOREM == "theorem "
