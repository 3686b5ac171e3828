"""A term in one line of plain text, for messages: ``sum_c t[c]*log(p[c])``."""

from __future__ import annotations

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


def text(t: Term, around: int = LOOSE, followed: bool = False) -> str:
    """The term as a person would type it, in brackets where a sum would reach too far."""
    inner, own = _written(t, followed)
    return f"({inner})" if own < around or (followed and isinstance(t, Sigma)) else inner


def _written(t: Term, followed: bool) -> tuple[str, int]:
    if isinstance(t, Number):
        return str(t.value), TIGHT if t.value >= 0 and t.value.denominator == 1 else LOOSE
    if isinstance(t, Extent):
        return t.size.name, TIGHT
    if isinstance(t, Entry):
        return subscripted(t.array.name, t.points), TIGHT
    if isinstance(t, Delta):
        return subscripted("delta", t.points), TIGHT
    if isinstance(t, Call):
        return subscripted(t.function.name + _arguments(t), t.points), TIGHT
    if isinstance(t, Partial):
        name = subscripted(f"d{t.function.name}", t.answer)
        return f"{name}/d{subscripted(t.function.parameters[t.position].name, t.by)}{_arguments(t)}", TIGHT
    if isinstance(t, Plus):
        return _sum(t), LOOSE
    if isinstance(t, Times):
        return _product(t, followed), PRODUCT
    if isinstance(t, Power):
        if t.exponent == -1:
            return f"1/{text(t.base, TIGHT)}", PRODUCT
        exponent = str(t.exponent) if t.exponent > 0 and t.exponent.denominator == 1 else f"({t.exponent})"
        return f"{text(t.base, TIGHT)}^{exponent}", TIGHT
    if isinstance(t, Apply):
        return f"{t.name}({text(t.argument)})", TIGHT
    if isinstance(t, Sigma):
        return f"sum_{','.join(map(named, t.binds))} {text(t.body, PRODUCT)}", LOOSE
    if isinstance(t, Derivative):
        return f"d[{text(t.body)}]/d{text(t.by)}", TIGHT
    assert isinstance(t, Formula)
    return f"[{','.join(map(named, t.binds))} -> {text(t.body)}]", TIGHT


def named(p: Point) -> str:
    """A subscript; a name of our own making loses its mark."""
    return p.name.strip("~_") if isinstance(p, Index) else subscripted(p.array.name, p.points)


def subscripted(name: str, points: tuple[Point, ...]) -> str:
    """A name with its subscripts: ``W[d,h]``."""
    return f"{name}[{','.join(map(named, points))}]" if points else name


def _arguments(t: Call | Partial) -> str:
    own = [argument_of(x) for x in t.terms]
    plain = [subscripted(p.name, ()) for p in t.function.parameters]
    return "" if own == plain else f"({', '.join(own)})"


def argument_of(t: Term) -> str:
    """An array as an argument: its name where it is one, else its formula."""
    assert isinstance(t, Formula)
    if isinstance(t.body, Entry) and t.body.points == t.binds:
        return t.body.array.name
    if isinstance(t.body, Call) and t.body.points == t.binds:
        return t.body.function.name + _arguments(t.body)
    return text(t)


def _sum(t: Plus) -> str:
    out = ""
    for n, x in enumerate(t.terms):
        piece = text(x, PRODUCT if isinstance(x, Plus) else LOOSE, followed=n < len(t.terms) - 1)
        out += piece if n == 0 else f" - {piece[1:]}" if piece.startswith("-") else f" + {piece}"
    return out


def _product(t: Times, followed: bool) -> str:
    sign, parts = ("-", t.terms[1:]) if isinstance(t.terms[0], Number) and t.terms[0].value == -1 else ("", t.terms)
    out = ""
    for n, x in enumerate(parts):
        if isinstance(x, Power) and x.exponent == -1 and out:
            out += f"/{text(x.base, TIGHT)}"
        else:
            open_end = isinstance(x, Sigma) and n == len(parts) - 1 and not followed
            tight = isinstance(x, Plus | Sigma | Times | Number) and not open_end
            out += ("*" if out else "") + text(x, TIGHT if tight else LOOSE if open_end else PRODUCT)
    return sign + out
