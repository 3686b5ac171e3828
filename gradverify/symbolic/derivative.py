"""Partial derivatives of expressions by reverse accumulation: exact wherever the expression has no tie."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from flint import fmpq

from gradverify.symbolic import expression as ex
from gradverify.symbolic.expression import Expr


def gradient(y: Expr, at: Sequence[Expr], vanishes: Callable[[Expr], bool]) -> list[Expr]:
    """The partial derivatives of y by these symbols, almost everywhere, by reverse accumulation.

    ``vanishes`` tells whether an expression is 0; a maximum whose cotangent vanishes is not asked which
    of its entries is the largest.
    """
    reached: dict[Expr, list[tuple[fmpq, Expr]]] = {y: [(ex.ONE_Q, ex.ONE)]}
    answer: dict[Expr, Expr] = {}
    wanted = set(at)
    heap = ex.reachable([y])
    for node in reversed(heap):
        cotangent = ex.linear(reached.pop(node, ()))
        if cotangent is ex.ZERO:
            continue
        if node in wanted:
            answer[node] = cotangent
        for child, slope in slopes(node, cotangent, vanishes):
            reached.setdefault(child, []).append((ex.ONE_Q, slope))
    return [answer.get(s, ex.ZERO) for s in at]


def slopes(node: Expr, c: Expr, vanishes: Callable[[Expr], bool]) -> Iterator[tuple[Expr, Expr]]:
    """c times the partial derivative of a node by each of its children; conditions are constant off ties."""
    if node.kind == ex.SUM:
        yield from ((t, ex.linear(((k, c),))) for t, k in node.args[1])
    elif node.kind == ex.PRODUCT:
        for f, k in node.args:
            if f.kind not in (ex.NUMBER, ex.INDICATOR):
                yield f, ex.linear(((k, ex.product(((c, ex.ONE_Q), (node, ex.ONE_Q), (f, -ex.ONE_Q)))),))
    elif node.kind == ex.MAX:
        if not vanishes(c):
            yield from ((a, c * w) for a, w in ex.winners(node))
    elif node.kind in ex.FUNCTIONS:
        yield node.args[0], c * _slope(node)


def _slope(node: Expr) -> Expr:
    """The derivative of a function of one variable, as an expression."""
    u: Expr = node.args[0]
    if node.kind == ex.EXP:
        return node
    if node.kind == ex.LOG:
        return ex.power(u, -ex.ONE_Q)
    if node.kind == ex.SIN:
        return ex.cos(u)
    if node.kind == ex.COS:
        return -ex.sin(u)
    if node.kind == ex.ARCTAN:
        return ex.power(1 + u * u, -ex.ONE_Q)
    return 2 * ex.power(ex.PI, -ex.HALF) * ex.exp(-(u * u))
