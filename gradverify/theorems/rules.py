"""The rules a step may name, and the laws that each licenses; a step is licensed by these and by nothing else.

Every rule may also reorder and regroup sums and products, rename bound indices, read 1/u^2 as u^-2, and compute
with numbers (``1 x``, ``0 x``, ``0 + x``, ``2 3``): that is what ``plain`` form leaves out of account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradverify.theorems import algebra, calculus
from gradverify.theorems.algebra import Law, Normal, without_denominators
from gradverify.theorems.index import MINUS_ONE, ZERO
from gradverify.theorems.sign import Facts
from gradverify.theorems.term import Plus, Term, Times


@dataclass(frozen=True)
class Rule:
    """A name, what it says in words, and the laws it licenses; ``fractions`` lets it clear non-zero denominators."""

    name: str
    says: str
    laws: tuple[Law, ...]
    fractions: bool = False


RING = (algebra.distribute, algebra.powers, algebra.gather, algebra.collect)

RULES = (
    Rule("same", "The two differ only in the order of terms or factors, or in the name of a summation index.", ()),
    Rule("algebra", "Multiply out, and collect equal terms and equal factors.", RING),
    Rule(
        "algebra of fractions",
        "Multiply out, collect, cancel and bring over a common denominator; no denominator is 0.",
        (algebra.cancel, *RING),
        fractions=True,
    ),
    Rule("cancel", "A number that is not 0, divided by itself, is 1.", (algebra.cancel,)),
    Rule("split the sum", r"$\sum_k (a_k + b_k) = \sum_k a_k + \sum_k b_k$.", (algebra.split,)),
    Rule(
        "linearity of the sum",
        r"A finite sum may be split, $\sum_k (a_k + b_k) = \sum_k a_k + \sum_k b_k$; a factor that does not carry the "
        r"index may stand inside or outside, $\sum_k c a_k = c \sum_k a_k$; nested sums may be taken in any order.",
        (algebra.split, algebra.scope, algebra.exchange),
    ),
    Rule("order of the sums", "Nested finite sums may be taken in any order.", (algebra.exchange,)),
    Rule("sum of equal terms", "A sum of $K$ equal terms is $K$ times the term.", (algebra.count,)),
    Rule(
        "delta contracts",
        r"Kronecker's $\delta_{kj}$ is 1 where $k = j$ and 0 elsewhere, so of a sum over $k$ only the summand with "
        "$k = j$ is left.",
        (algebra.contract,),
    ),
    Rule(
        "delta replaces",
        r"Where $\delta_{kj}$ is a factor, only $k = j$ counts, so the one index may stand for the other beside it.",
        (algebra.substitute, algebra.same),
    ),
    Rule(
        "derivative of a sum",
        "The derivative of a finite sum is the sum of the derivatives.",
        (calculus.of_sum,),
    ),
    Rule(
        "derivative of a constant",
        "What does not depend on the variable has the derivative 0.",
        (calculus.of_constant,),
    ),
    Rule(
        "constant factor",
        "A factor that does not depend on the variable may stand before the derivative.",
        (calculus.constant_factor,),
    ),
    Rule("product rule", "$(u v)' = u' v + u v'$.", (calculus.of_product,)),
    Rule("quotient rule", "$(u / v)' = (u' v - u v') / v^2$, where $v$ is not 0.", (calculus.of_quotient,)),
    Rule("power rule", "$(u^m)' = m u^{m-1} u'$.", (calculus.of_power,)),
    Rule(
        "derivative of a coordinate",
        "The variables are independent: the derivative of one by another is 1 if they are the same and 0 if not, "
        r"which is Kronecker's $\delta$.",
        (calculus.of_coordinate,),
    ),
    Rule("derivative of exp", "$(e^u)' = e^u u'$.", (calculus.of_exp,)),
    Rule("derivative of log", r"$(\log u)' = u' / u$, where $u$ is positive.", (calculus.of_log,)),
    Rule(
        "derivative of relu",
        r"Where $u$ is not 0, $\max(u, 0)$ is a straight line: its slope is 1 above 0 and 0 below.",
        (calculus.of_relu,),
    ),
    Rule(
        "chain rule",
        r"$\frac{\partial F(y)}{\partial x} = \sum_i \frac{\partial F}{\partial y_i} \frac{\partial y_i}{\partial x}$, "
        "summed over all variables $y_i$ of $F$, since all of them move with $x$.",
        (calculus.of_function,),
    ),
    Rule("exp of a sum", "$e^{a+b} = e^a e^b$ and $e^{-a} = 1/e^a$.", (calculus.exp_of_sum,)),
    Rule(
        "log of a product",
        "The logarithm of a product of positive numbers is the sum of their logarithms; of a quotient, the difference.",
        (calculus.log_of_product,),
    ),
    Rule("log of exp", "The logarithm undoes the exponential.", (calculus.log_of_exp,)),
    Rule("exp of log", "The exponential undoes the logarithm of a positive number.", (calculus.exp_of_log,)),
    Rule(
        "relu by its slope",
        r"Where $u$ is not 0, $\max(u, 0)$ is $u$ times the slope there.",
        (calculus.relu_is_slope_times,),
    ),
)
BY_NAME: Mapping[str, Rule] = {rule.name: rule for rule in RULES}


@dataclass(frozen=True)
class Answer:
    """Whether two terms are shown equal, and which signs that leaned on."""

    equal: bool
    leaned_on: tuple[str, ...] = ()


def equal(left: Term, right: Term, rules: tuple[Rule, ...], facts: Facts) -> Answer:
    """Whether the two are equal by these rules alone; False says only that they do not show it."""
    laws = tuple(dict.fromkeys(law for rule in rules for law in rule.laws))
    n = Normal(laws, facts)
    same = n(left) == n(right)
    if not same and algebra.collect in laws:
        difference = n(Plus((left, Times((MINUS_ONE, right)))))
        if any(rule.fractions for rule in rules):
            difference = without_denominators(difference, n)
        same = difference == ZERO
    return Answer(same, tuple(sorted(n.leaned_on)) if same else ())
