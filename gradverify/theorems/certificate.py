"""Certificates: a derivation as JSON in one canonical form, printed and read by nothing but what is here.

A term is a list whose first word says what it is: ``["sum", ["k"], ["entry", "s", "k"]]``. Keys are sorted, numbers
are whole or strings such as "1/2", and only names that the theorem's author chose appear, so that the same theorem is
the same file everywhere. On reading, nothing is evaluated: every word is looked up in a table, and what is not in
it is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from gradverify._errors import Misuse
from gradverify.theorems.acceptance import Accepted
from gradverify.theorems.ball import DIGITS
from gradverify.theorems.derivation import Derivation, Hypothesis, Step
from gradverify.theorems.instance import LARGEST, ROUNDS
from gradverify.theorems.notation import Applied, Array, Function, formula_of
from gradverify.theorems.term import (
    ELEMENTARY,
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
    Size,
    Term,
    Times,
)

FORMAT = 1
NUMBER = re.compile(r"-?[0-9]{1,100}(/[1-9][0-9]{0,99})?")

# -- the canonical form ------------------------------------------------------------------------------------------


def printed(value: Any, depth: int = 0) -> str:
    """JSON with sorted keys, one key or one part of a list of parts to a line, and no number but whole ones."""
    pad = " " * (depth + 1)
    if isinstance(value, Mapping):
        lines = [f"{pad}{json.dumps(str(key))}: {printed(value[key], depth + 1)}" for key in sorted(value)]
        return "{\n" + ",\n".join(lines) + "\n" + " " * depth + "}" if lines else "{}"
    if isinstance(value, list | tuple):
        if any(isinstance(x, Mapping) for x in value):
            return "[\n" + ",\n".join(pad + printed(x, depth + 1) for x in value) + "\n" + " " * depth + "]"
        return "[" + ", ".join(printed(x, depth) for x in value) + "]"
    if value is None or isinstance(value, bool | int | str):
        return json.dumps(value)
    raise TypeError(f"{type(value).__name__}: a certificate holds words, whole numbers and lists")


def digest(value: Any, before: str = "") -> str:
    """SHA-256 of the canonical form, after what came before."""
    return hashlib.sha256((before + printed(value)).encode()).hexdigest()


# -- terms as lists ------------------------------------------------------------------------------------------------


def point_as_list(p: Point) -> Any:
    """A subscript: an index's name, or a label."""
    return p.name if isinstance(p, Index) else ["label", p.array.name, *map(point_as_list, p.points)]


def term_as_list(t: Term) -> Any:
    """A term: a number as a word, anything else as a list."""
    points = [point_as_list(p) for p in t.points]
    parts = [term_as_list(x) for x in t.terms]
    if isinstance(t, Number):
        return str(t.value)
    if isinstance(t, Extent):
        return ["size", t.size.name]
    if isinstance(t, Entry):
        return ["entry", t.array.name, *points]
    if isinstance(t, Call):
        return ["call", t.function.name, points, parts]
    if isinstance(t, Partial):
        answer, by = ([point_as_list(p) for p in some] for some in (t.answer, t.by))
        return ["partial", t.function.name, answer, t.position, by, parts]
    if isinstance(t, Formula):
        return _formula_as_list(t)
    if isinstance(t, Power):
        return ["power", *parts, str(t.exponent)]
    if isinstance(t, Apply):
        return [t.name, *parts]
    if isinstance(t, Sigma):
        return ["sum", [i.name for i in t.binds], *parts]
    if isinstance(t, Delta):
        return ["delta", *points]
    if isinstance(t, Derivative):
        return ["derivative", *parts]
    return ["plus" if isinstance(t, Plus) else "times", *parts]


def _formula_as_list(t: Formula) -> Any:
    body = t.body
    if isinstance(body, Entry) and body.points == t.binds:
        return ["array", body.array.name]
    if isinstance(body, Call) and body.points == t.binds:
        return ["function", body.function.name, [term_as_list(x) for x in body.terms]]
    return ["each", [i.name for i in t.binds], term_as_list(body)]


# -- writing -------------------------------------------------------------------------------------------------------


def statement_of(d: Derivation) -> dict[str, Any]:
    """What is claimed, and every word it is claimed in."""
    indices = {i for t in d.terms for i in t.indices}
    indices |= {i for f in d.functions for i in (*f.indices, *(f.body.indices if f.body is not None else ()))}
    return {
        "name": d.name,
        "title": d.title,
        "remark": d.remark,
        "left out": list(d.left_out),
        "sizes": {s.name: s.meaning for s in d.sizes},
        "indices": {i.name: i.size.name for i in indices if not i.name.startswith("~")},
        "arrays": {
            a.name: {"sizes": [s.name for s in a.sizes], "into": a.into.name if a.into else None}
            | {"meaning": a.meaning, "latex": a.latex}
            for a in d.arrays
        },
        "functions": {
            f.name: {"parameters": [a.name for a in f.parameters], "indices": [i.name for i in f.indices]}
            | {"formula": term_as_list(f.body) if f.body is not None else None}
            | {"meaning": f.meaning, "latex": f.latex}
            for f in d.functions
        },
        "hypotheses": [
            {"name": h.name, "left": term_as_list(h.left), "right": term_as_list(h.right), "fixes": h.fixes.name}
            for h in d.hypotheses
        ],
        "positive": [a.name for a in d.positive],
        "not zero": [term_as_list(t) for t in d.nonzero],
        "left": term_as_list(d.left),
        "right": term_as_list(d.right),
    }


def step_of(s: Step) -> dict[str, Any]:
    """One step as its author wrote it."""
    return {
        "expression": term_as_list(s.expression),
        "rules": list(s.rules),
        "uses": list(s.uses),
        "at": {array.name: term_as_list(formula) for array, formula in s.at},
        "note": s.note,
    }


def certificate(accepted: Accepted, cited: Mapping[str, str]) -> dict[str, Any]:
    """The certificate of an accepted derivation; ``cited`` are the digests of the theorems that it leans on."""
    statement = statement_of(accepted.derivation)
    before = claim = digest(statement)
    steps = []
    for checked in accepted.steps:
        words = step_of(checked.step) | {
            "leans on": list(checked.leaned_on),
            "comparisons": checked.comparisons,
            "separating": checked.separating,
        }
        before = digest(words, before)
        steps.append(words | {"digest": before})
    whole = {
        "format": FORMAT,
        "theorem": statement,
        "theorem digest": claim,
        "steps": steps,
        "cites": {name: cited[name] for name in accepted.derivation.cites},
        "instances": {"largest size": LARGEST, "points": ROUNDS, "digits": DIGITS},
    }
    return whole | {"digest": digest(whole)}


# -- reading -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Words:
    """The names a certificate declares, and the terms that may be written in them."""

    sizes: Mapping[str, Size]
    indices: Mapping[str, Index]
    arrays: Mapping[str, Array]
    functions: dict[str, Function]

    def number(self, word: str) -> Fraction:
        if not NUMBER.fullmatch(word):
            raise ValueError(f"{word!r} is no number")
        return Fraction(word)

    def point(self, p: Any) -> Point:
        if isinstance(p, str):
            return self.indices[p]
        word, name, *inside = p
        if word != "label":
            raise ValueError(f"{word!r} is no subscript")
        return self.arrays[name].at(*map(self.point, inside))

    def points(self, some: Any) -> tuple[Point, ...]:
        return tuple(map(self.point, some))

    def binds(self, names: Any) -> tuple[Index, ...]:
        return tuple(self.indices[name] for name in names)

    def term(self, t: Any) -> Term:
        if isinstance(t, str):
            return Number(self.number(t))
        word, *rest = t
        if word in ELEMENTARY:
            return Apply(word, self.term(*rest))
        return self.of_kind(word, rest)

    def of_kind(self, word: str, rest: list[Any]) -> Term:
        if word == "size":
            return Extent(self.sizes[rest[0]])
        if word == "entry":
            return self.arrays[rest[0]][self.points(rest[1:])]
        if word == "call":
            return self.applied(rest[0], rest[2])[self.points(rest[1])]
        if word == "partial":
            name, answer, position, by, given = rest
            return self.applied(name, given).by(*self.points(by), entry=self.points(answer), position=position)
        if word in ("plus", "times"):
            return (Plus if word == "plus" else Times)(tuple(map(self.term, rest)))
        if word == "power":
            return Power(self.term(rest[0]), self.number(rest[1]))
        if word == "sum":
            return Sigma(self.binds(rest[0]), self.term(rest[1]))
        if word == "delta":
            return Delta(self.points(rest))
        if word == "derivative":
            by = self.term(rest[1])
            if isinstance(by, Entry):
                return Derivative(self.term(rest[0]), by)
        raise ValueError(f"{word!r} is no kind of term")

    def applied(self, name: str, given: list[Any]) -> Applied:
        f = self.functions[name]
        return f(*(self.formula(p, x) for p, x in zip(f.parameters, given, strict=True)))

    def formula(self, array: Array, t: Any) -> Formula:
        word, *rest = t
        if word == "array":
            return formula_of(array, self.arrays[rest[0]])
        if word == "function":
            return formula_of(array, self.applied(rest[0], rest[1]))
        if word == "each":
            return formula_of(array, Formula(self.binds(rest[0]), self.term(rest[1])))
        raise ValueError(f"{word!r} is no array")


def read(text: str) -> tuple[Derivation, dict[str, Any]]:
    """The derivation in a certificate, and the certificate's own words; nothing is judged."""
    try:
        whole = json.loads(text)
        return _derivation(whole), whole
    except Misuse:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as wrong:
        raise Misuse(f"this is no certificate of ours ({type(wrong).__name__}: {wrong}).") from None


def _derivation(whole: Mapping[str, Any]) -> Derivation:
    if whole["format"] != FORMAT:
        raise ValueError(f"format {whole['format']!r}; this version reads format {FORMAT}")
    said = whole["theorem"]
    sizes = {name: Size(name, meaning) for name, meaning in said["sizes"].items()}
    indices = {name: sizes[size].indices(name)[0] for name, size in said["indices"].items()}
    arrays = {
        name: Array(name, tuple(sizes[s] for s in a["sizes"]), a["meaning"], sizes[a["into"]] if a["into"] else None,
                    a["latex"])
        for name, a in said["arrays"].items()
    }  # fmt: skip
    words = _Words(sizes, indices, arrays, {})
    waiting = dict(said["functions"])
    while waiting:
        ready = {n: f for n, f in waiting.items() if not _mentions(f["formula"], set(waiting))}
        if not ready:
            raise ValueError("functions that are defined by one another")
        for name, f in ready.items():
            formula = words.term(f["formula"]) if f["formula"] is not None else None
            parameters = tuple(arrays[a] for a in f["parameters"])
            words.functions[name] = Function(
                name, parameters, words.binds(f["indices"]), formula, f["meaning"], f["latex"]
            )
            del waiting[name]
    return Derivation(
        name=said["name"],
        title=said["title"],
        left=words.term(said["left"]),
        right=words.term(said["right"]),
        steps=tuple(_step(s, words) for s in whole["steps"]),
        hypotheses=tuple(
            Hypothesis(h["name"], words.term(h["left"]), words.term(h["right"]), arrays[h["fixes"]])
            for h in said["hypotheses"]
        ),
        positive=tuple(arrays[name] for name in said["positive"]),
        nonzero=tuple(words.term(t) for t in said["not zero"]),
        left_out=tuple(said["left out"]),
        remark=said["remark"],
    )


def _step(s: Mapping[str, Any], words: _Words) -> Step:
    at = tuple((words.arrays[name], words.formula(words.arrays[name], f)) for name, f in s["at"].items())
    return Step(words.term(s["expression"]), tuple(s["rules"]), tuple(s["uses"]), at, s["note"])


def _mentions(t: Any, names: set[str]) -> bool:
    """Whether a list names one of these functions."""
    if not isinstance(t, list):
        return False
    own = len(t) > 1 and t[0] in ("call", "partial", "function") and t[1] in names
    return own or any(_mentions(x, names) for x in t)
