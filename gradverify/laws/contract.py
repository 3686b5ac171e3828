"""Laws that need no derivative: what every well-behaved rule keeps, whatever it computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from gradverify._claim import Claim, equal, same_bits
from gradverify._floating import is_floating
from gradverify._law import law
from gradverify._subject import NOTHING, Subject
from gradverify._vectors import Estimate, Vectors
from gradverify.surroundings import Moves, listed, runs


@law(needs=())
def inputs_are_left_unchanged(f: Subject, x: Vectors, u: Vectors, v: Vectors) -> Iterator[Claim]:
    """No rule writes into its inputs, its cotangent or its tangent."""
    yield same_bits(Vectors(f.observe("value", x)[1]), x.exact(), f"{f.name} writes into its input")
    if f.vjp is not None:
        after = f.observe("vjp", x, v)[1]
        n = len(v)
        yield same_bits(Vectors(after[:n]), v.exact(), "the vjp writes into the cotangent", about="output")
        yield same_bits(Vectors(after[n:]), x.exact(), "the vjp writes into an input")
    if f.jvp is not None:
        full = f.whole_tangent(x, u)
        after = f.observe("jvp", x, full)[1]
        yield same_bits(Vectors(after[: len(full)]), full, "the jvp writes into the tangent")
        yield same_bits(Vectors(after[len(full) :]), x.exact(), "the jvp writes into an input")


@law(needs=())
def same_answer_twice(f: Subject, x: Vectors, y: Vectors, v: Vectors, u: Vectors) -> Iterator[Claim]:
    """A rule called again with the same arguments answers the same, whatever was called in between."""
    first = f.forward(x)
    answer = f.pullback(x, v) if f.vjp is not None else None
    once = f.pushforward(x, u) if f.jvp is not None else None
    moves = _moves(f, x, v, u)
    if answer is not None:
        f.fresh.forward(x)
        f.pullback(y, v)  # not told about y beforehand; what it answers is another law's matter
        f.forward(y)
        yield same_bits(f.fresh.pullback(x, v), answer, f"the vjp answers differently the second time{_during(moves)}")
    if once is not None:
        says = f"the jvp answers differently the second time{_during(moves)}"
        yield same_bits(f.fresh.pushforward(x, u), once, says, about="output")
    says = f"{f.name} answers differently the second time{_during(moves)}"
    last = same_bits(f.fresh.forward(x), first, says, about="output")
    yield replace(last, remark="; ".join(filter(None, (_overwritten(f), _moved(f, moves)))))


def _moves(f: Subject, x: Vectors, v: Vectors, u: Vectors) -> Mapping[str, Moves]:
    """What every call moves again, of what is kept outside the arguments, by the rule that moves it."""
    asks = {
        "value": lambda: f.fresh.forward(x),
        "vjp": lambda: f.fresh.pullback(x, v),
        "jvp": lambda: f.fresh.pushforward(x, u),
    }
    claimed = {rule: ask for rule, ask in asks.items() if getattr(f, rule) is not None}
    return f.surroundings.moves(claimed) if f.surroundings is not None else {}


def _during(moves: Mapping[str, Moves]) -> str:
    """What moved between two calls, in words."""
    names = tuple(dict.fromkeys(name for found in moves.values() for name in found.names))
    return f"; {listed(names)} moved between the calls" if names else ""


def _moved(f: Subject, moves: Mapping[str, Moves]) -> str:
    """Which rules move what, in words. A rule that runs the function itself is not told of what that moves."""
    by: dict[str, list[str]] = {}
    for rule, found in moves.items():
        value = moves["value"]
        own = runs(getattr(f, rule), f.value) and rule != "value"
        for name in found.names:
            if not (own and name in value.names and found.once.get(name) == value.once.get(name)):
                by.setdefault(name, []).append(f.said(rule))
    counts = frozenset(name for found in moves.values() for name in found.counts)
    groups: dict[tuple[str, str], list[str]] = {}
    for name, rules in by.items():
        then = "left as it is, for it only counts" if name in counts else "put back after the check"
        groups.setdefault((" and of ".join(rules), then), []).append(name)
    told = ((listed(tuple(names)), "it" if len(names) == 1 else "them", *how) for how, names in groups.items())
    return "; ".join(f"{names}: every call of {rules} moves {it}; {then}" for names, it, rules, then in told)


def _overwritten(f: Subject) -> str:
    """Which rules hand out one array again and again, in words. Here every answer is copied before the next call."""
    rules = [f.said(rule) for rule in ("value", "vjp", "jvp") if f.memory is not None and rule in f.memory.reused]
    says = "every call writes to the array that the call before returned; copy what you keep"
    return f"{' and '.join(rules)}: {says}" if rules else ""


@law
def shape_and_dtype_are_kept(f: Subject, x: Vectors, v: Vectors) -> Iterator[Claim]:
    """Every gradient has the shape and the dtype of its input."""
    g = f.pullback(x, v)
    judged = [k for k, p in enumerate(g) if p.size]
    yield same_bits(_forms(g, judged), _forms(x, judged), "the gradient must have its input's shape and dtype")


def _forms(arrays: Vectors, positions: list[int]) -> Vectors:
    """dtype and shape, in words, of these parts."""
    return Vectors(
        tuple(np.asarray(f"{a.dtype.name} {a.shape}") if k in positions else NOTHING for k, a in enumerate(arrays))
    )


@law(needs=(), everywhere=True, floats=True)
def finite_in_finite_out(f: Subject, x: Vectors, v: Vectors) -> Iterator[Claim]:
    """Finite inputs give a finite value and a finite gradient: the code neither overflows nor divides by zero."""
    for name, y in (("value", f.forward(x)), ("vjp", f.pullback(x, v) if f.vjp is not None else Vectors(()))):
        bad = sum(int(p.size - np.isfinite(p).sum()) for p in y if is_floating(p.dtype))
        yield equal(Estimate(float(bad)), Estimate(0.0), f"entries of the {name} that are not finite")
