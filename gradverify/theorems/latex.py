r"""A term as LaTeX that GitHub renders: no macros of our own, nothing that Markdown would eat.

A sum that is not the last summand or factor stands in brackets, and so does what is differentiated unless it is
one symbol or one function: a reader never has to guess how far a sum or a derivative reaches.
"""

from __future__ import annotations

from fractions import Fraction

from gradverify.theorems.notation import Function
from gradverify.theorems.term import (
    Apply,
    Call,
    Delta,
    Derivative,
    Entry,
    Extent,
    Formula,
    Index,
    Number,
    Partial,
    Plus,
    Point,
    Power,
    Sigma,
    Term,
    Times,
)

LOOSE, PRODUCT, TIGHT = 0, 1, 2  # how tightly the surroundings bind


def latex(t: Term, around: int = LOOSE, followed: bool = False) -> str:
    """The term, in brackets where the surroundings bind tighter than it does, or where a sum would reach too far."""
    inner, own = _written(t, followed)
    return rf"\left( {inner} \right)" if own < around or (followed and isinstance(t, Sigma)) else inner


def _written(t: Term, followed: bool) -> tuple[str, int]:
    if isinstance(t, Number):
        return _number(t.value)
    if isinstance(t, Extent):
        return t.size.name, TIGHT
    if isinstance(t, Entry):
        return subscripted(t.array.latex or t.array.name, t.points), TIGHT
    if isinstance(t, Delta):
        return subscripted(r"\delta", t.points), TIGHT
    if isinstance(t, Call):
        return subscripted(name_of(t.function), t.points) + _arguments(t), TIGHT
    if isinstance(t, Partial):
        parameter = t.function.parameters[t.position]
        above = subscripted(name_of(t.function), t.answer)
        below = subscripted(parameter.latex or parameter.name, t.by)
        return rf"\frac{{\partial {above}}}{{\partial {below}}}{_arguments(t)}", TIGHT
    if isinstance(t, Plus):
        return _sum(t), LOOSE
    if isinstance(t, Times):
        return _product(t, followed)
    if isinstance(t, Power):
        return _power(t)
    if isinstance(t, Apply):
        return _elementary(t)
    if isinstance(t, Sigma):
        return rf"\sum_{{{','.join(map(named, t.binds))}}} {latex(t.body, PRODUCT)}", LOOSE
    if isinstance(t, Derivative):
        by = latex(t.by)
        if isinstance(t.body, Entry | Call | Apply):
            return rf"\frac{{\partial {latex(t.body)}}}{{\partial {by}}}", TIGHT
        return rf"\frac{{\partial}}{{\partial {by}}} \left( {latex(t.body)} \right)", TIGHT
    assert isinstance(t, Formula)
    return argument(t), TIGHT


def named(p: Point) -> str:
    """A subscript."""
    return p.name.strip("~_") if isinstance(p, Index) else subscripted(p.array.latex or p.array.name, p.points)


def subscripted(name: str, points: tuple[Point, ...]) -> str:
    """A name with its subscripts."""
    below = "".join(map(named, points))
    return (f"{name}_{below}" if len(below) == 1 else f"{name}_{{{below}}}") if points else name


def name_of(f: Function) -> str:
    """A function's name."""
    return f.latex or f.name


def argument(t: Formula) -> str:
    """An array as an argument: its name where it has one, else its first and last entry."""
    if isinstance(t.body, Entry) and t.body.points == t.binds:
        return t.body.array.latex or t.body.array.name
    if isinstance(t.body, Call) and t.body.points == t.binds:
        return name_of(t.body.function) + _arguments(t.body)
    if len(t.binds) == 1:
        first, last = (latex(_at(t.body, t.binds[0], end)) for end in ("1", t.binds[0].size.name))
        return rf"{first}, \dots, {last}"
    return rf"({','.join(map(named, t.binds))}) \mapsto {latex(t.body)}"


def _at(t: Term, index: Index, shown: str) -> Term:
    """The term with an index shown in another way; for display only."""
    points = tuple(Index(shown, index.size) if p == index else p for p in t.points)
    return t.rebuilt(tuple(_at(x, index, shown) for x in t.terms), points, t.binds)


def _arguments(t: Call | Partial) -> str:
    own = [argument(x) for x in t.terms if isinstance(x, Formula)]
    return "" if own == [p.latex or p.name for p in t.function.parameters] else f"({', '.join(own)})"


def _number(value: Fraction) -> tuple[str, int]:
    whole = value.denominator == 1
    size = str(abs(value.numerator)) if whole else rf"\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"
    return (size, TIGHT) if value >= 0 else (f"-{size}", LOOSE)


def _sum(t: Plus) -> str:
    out = ""
    for n, x in enumerate(t.terms):
        piece = latex(x, PRODUCT if isinstance(x, Plus) else LOOSE, followed=n < len(t.terms) - 1)
        out += piece if n == 0 else f" - {piece[1:]}" if piece.startswith("-") else f" + {piece}"
    return out


def _product(t: Times, followed: bool) -> tuple[str, int]:
    first = t.terms[0]
    minus = isinstance(first, Number) and first.value < 0 and len(t.terms) > 1
    sign, parts = ("-", t.terms) if minus else ("", t.terms)
    if minus and isinstance(first, Number):
        parts = t.terms[1:] if first.value == -1 else (Number(-first.value), *t.terms[1:])
    pieces: list[tuple[list[Term], list[Term]]] = [([], [])]  # numerators and denominators, left to right
    for x in parts:
        if isinstance(x, Power) and x.exponent < 0:
            pieces[-1][1].append(x.base if x.exponent == -1 else Power(x.base, -x.exponent))
        elif pieces[-1][1]:
            pieces.append(([x], []))
        else:
            pieces[-1][0].append(x)
    last = len(pieces) - 1
    shown = [_fraction(above, below, n == last and not followed) for n, (above, below) in enumerate(pieces)]
    return sign + " ".join(shown), LOOSE if minus else PRODUCT


def _fraction(above: list[Term], below: list[Term], last: bool) -> str:
    if not below:
        return _row(above, last)
    return rf"\frac{{{_inside(above)}}}{{{_inside(below)}}}"


def _inside(factors: list[Term]) -> str:
    """What stands above or below a line needs no brackets of its own."""
    return latex(factors[0]) if len(factors) == 1 else _row(factors, last=True) or "1"


def _row(factors: list[Term], last: bool) -> str:
    """Factors side by side; only a sum that is the last of them needs no brackets."""
    out: list[str] = []
    for n, x in enumerate(factors):
        open_end = last and n == len(factors) - 1 and isinstance(x, Sigma)
        shown = latex(x, LOOSE if open_end else TIGHT)
        out.append(rf"\cdot {shown}" if out and shown[0].isdigit() else shown)
    return " ".join(out)


def _power(t: Power) -> tuple[str, int]:
    if t.exponent < 0:
        below = t.base if t.exponent == -1 else Power(t.base, -t.exponent)
        return rf"\frac{{1}}{{{latex(below)}}}", TIGHT
    if t.exponent == Fraction(1, 2):
        return rf"\sqrt{{{latex(t.base)}}}", TIGHT
    base = latex(t.base, TIGHT)
    if isinstance(t.base, Apply | Power) or ("_" in base and "^" in base):
        base = rf"\left( {base} \right)"
    return f"{base}^{{{t.exponent}}}", TIGHT


def _elementary(t: Apply) -> tuple[str, int]:
    inside = latex(t.argument)
    if t.name == "exp":
        return f"e^{{{inside}}}", TIGHT
    if t.name == "log":
        return rf"\log {latex(t.argument, TIGHT)}", TIGHT
    if t.name == "relu":
        return rf"\max({inside}, 0)", TIGHT
    return rf"[ {inside} > 0 ]", TIGHT
