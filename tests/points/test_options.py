"""Options are swept alone and in pairs: few combinations, no pair left out, and a failure names what it needs."""

from __future__ import annotations

import enum
import time
from itertools import combinations as pairs_of
from math import prod
from typing import Literal

import numpy as np
import pytest

import gradverify as gv
from gradverify import testing
from gradverify.points.options import changed, combinations, plainest, rows, swept

pytest_plugins = ["pytester"]

X = np.array([0.5, -1.25, 2.0])
SIZES = [(2,) * 10, (3,) * 4, (2, 3, 4, 5), (4,) * 30, (3,) * 13, (2, 1, 1, 5), (2, 2), (3, 3), (9,), (1,), ()]
INPUTS = [gv.Box("n"), X]
LAW = "pullback_is_the_derivative"


def met(some, sizes):
    return {(i, row[i], j, row[j]) for row in some for i, j in pairs_of(range(len(sizes)), 2)}


# -- which combinations -----------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_every_pair_of_values_occurs_plain_ones_first_and_none_twice(sizes):
    found = rows(sizes)
    every = {(i, a, j, b) for i, j in pairs_of(range(len(sizes)), 2) for a in range(sizes[i]) for b in range(sizes[j])}
    alone = {tuple(a if k == i else 0 for k in range(len(sizes))) for i, n in enumerate(sizes) for a in range(1, n)}
    assert found[0] == (0,) * len(sizes)
    assert met(found, sizes) == every
    assert {row for row in found if sum(map(bool, row)) == 1} >= alone
    assert all(sum(map(bool, row)) <= 1 for row in found[: 1 + len(alone)])
    assert len(set(found)) == len(found) <= prod(sizes)


@pytest.mark.parametrize(("sizes", "most"), [
    ((2,) * 10, 10), ((3,) * 4, 12), ((3,) * 13, 22), ((4,) * 30, 48), ((2,) * 30, 14), ((5,) * 6, 40),
])  # fmt: skip
def test_the_covering_rows_are_few(sizes, most):
    alone = 1 + sum(n - 1 for n in sizes)
    assert len(rows(sizes)) - alone <= most


def test_thirty_options_are_combined_in_a_moment():
    rows.cache_clear()
    start = time.process_time()
    rows((4,) * 30)
    assert time.process_time() - start < 30


def test_the_same_sizes_give_the_same_rows_again():
    first = rows((3, 4, 2, 3))
    rows.cache_clear()
    assert rows((3, 4, 2, 3)) == first


def test_few_combinations_are_all_tried():
    assert len(combinations({"a": (False, True), "b": (False, True), "c": (False, True)})) == 8
    assert combinations({}) == [{}]


def test_values_need_not_be_hashable():
    values = ([1], np.ones(2), {"k": 0})
    assert [c["a"] for c in combinations({"a": values})] == list(values)
    assert changed({"a": values}, {"a": values[1]}) == ["a"]
    assert changed({"a": values}, {"a": values[0]}) == []


@pytest.mark.parametrize("refused", [
    lambda o: o["a"] + o["b"] > 1,  # two that exclude each other
    lambda o: sum(o.values()) > 2,  # two at most together
])  # fmt: skip
def test_what_a_refused_combination_would_have_shown_is_shown_by_others(refused):
    options = dict.fromkeys("abcdef", (0, 1))
    tried = list(swept(options, dict, lambda o: not refused(o)))
    there = met([tuple(o.values()) for o in tried if not refused(o)], (2,) * 6)
    possible = met([tuple(o.values()) for o in map(dict, _product(options)) if not refused(o)], (2,) * 6)
    assert there == possible


def _product(options):
    out = [{}]
    for name, values in options.items():
        out = [o | {name: v} for o in out for v in values]
    return out


def test_where_all_are_refused_nothing_more_is_tried():
    options = dict.fromkeys("abcdef", (0, 1))
    assert len(list(swept(options, dict, lambda o: False))) == len(rows((2,) * 6))


def test_what_fails_is_told_with_the_options_it_needs():
    options = dict.fromkeys("abcd", (0, 1))
    at = dict.fromkeys("abcd", 1)
    assert plainest(options, at, lambda o: o["b"] and o["d"]) == {"a": 0, "b": 1, "c": 0, "d": 1}


# -- a check ------------------------------------------------------------------------------------------


def ten(x, a=0, b=0, c=0, d=0, e=0, f=0, g=0, h=0, i=0, j=0):
    if a and j:
        raise ValueError("a excludes j")
    return np.sin(x) * (2 if c and h else 1)


def ten_vjp(v, x, a=0, b=0, c=0, d=0, e=0, f=0, g=0, h=0, i=0, j=0):
    return v * np.cos(x) * (2 if c and h else 1)


def forgets_the_pair(v, x, a=0, b=0, c=0, d=0, e=0, f=0, g=0, h=0, i=0, j=0):
    return v * np.cos(x)


TEN = dict.fromkeys("abcdefghij", (False, True))


@pytest.mark.parametrize("by", [gv.Sampling(), gv.Search(examples=1)], ids=["sampling", "search"])
@pytest.mark.parametrize("inputs", INPUTS, ids=["generated", "given"])
def test_a_derivative_that_is_wrong_for_one_pair_alone_fails_and_names_the_pair(inputs, by):
    report = gv.check(ten, vjp=forgets_the_pair, inputs=inputs, options=TEN, laws=LAW, by=by, dtype="float64")
    (finding,) = report.findings
    assert finding.dtype == "float64, c=True, h=True"
    told = {"c": True, "h": True}
    every = ", ".join(f"{name!r}: [{told.get(name, False)}]" for name in TEN)
    assert f"options={{{every}}}" in finding.witness
    again = finding.witness.removesuffix(".require()").partition("; ")[2].replace("m.", "")
    assert eval(again, {"gv": gv, "np": np, "ten": ten, "vjp": forgets_the_pair, **globals()}).status == "FAILS"


@pytest.mark.parametrize("inputs", INPUTS, ids=["generated", "given"])
def test_the_right_derivative_of_ten_options_holds_in_few_combinations(inputs):
    report = gv.check(ten, vjp=ten_vjp, inputs=inputs, options=TEN, laws=LAW, dtype="float64")
    (verdict,) = report.verdicts
    assert verdict.status == "HOLDS"
    assert verdict.scope.endswith("in float64, 22 combinations of options")
    (note,) = verdict.notes
    assert note.startswith("left out, as the function refuses it: float64, a=True")
    assert note.endswith("ten raised ValueError: a excludes j")
    assert "left out: not finite, or refused)" in verdict.scope


def test_a_suite_finds_the_pair_too(pytester):
    pytester.makepyfile("""
        import numpy as np
        import gradverify as gv

        def scaled(x, axis=-1, keepdims=False, twice=False, mode=None, root=False):
            y = x.sum(axis, keepdims=keepdims)
            return y * (3 if keepdims and axis == 0 else 1)

        def scaled_vjp(g, x, axis=-1, keepdims=False, twice=False, mode=None, root=False):
            g = g if keepdims else np.expand_dims(g, axis)
            return np.broadcast_to(g, x.shape).copy()

        test_scaled = gv.suite(scaled, vjp=scaled_vjp, inputs=gv.Box("n k"), laws="pullback_is_the_derivative",
                               options={"axis": [-1, 0], "mode": [None, "a"]})
    """)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--gv-profile=quick")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*in float64, axis=0, keepdims=True:"])


def test_a_value_that_is_always_refused_is_not_passed_over():
    def partly(x, fast=False):
        if fast:
            raise NotImplementedError("fast is not there yet")
        return np.sin(x)

    report = gv.check(partly, vjp=lambda g, x, fast=False: g * np.cos(x), inputs=X, laws=LAW)
    assert report.status == "UNDECIDED"
    reason = "every input (float64, fast=True): partly raised NotImplementedError: fast is not there yet"
    assert report.verdicts[0].reason == reason


# -- what is swept unasked ------------------------------------------------------------------------


class Mode(enum.Enum):
    PLAIN = 1
    DOUBLE = 2


class Names:
    """Functions of one keyword, wrong where it has not its default."""

    @staticmethod
    def boolean(x, k=True):
        return x * x * (1 if k else 2)

    @staticmethod
    def annotated(x, *, k: bool):
        return x * x * (2 if k else 1)

    @staticmethod
    def literal(x, k: Literal["a", "b"] = "b"):
        return x * x * (2 if k == "a" else 1)

    @staticmethod
    def member(x, k=Mode.PLAIN):
        return x * x * (2 if k is Mode.DOUBLE else 1)

    @staticmethod
    def enumeration(x, k: Mode | None = Mode.PLAIN):
        return x * x * (2 if k is Mode.DOUBLE else 1)

    @staticmethod
    def required(x, *, k: Mode):
        return x * x * (2 if k is Mode.DOUBLE else 1)

    @staticmethod
    def unknown_hint(x: "NoSuchName", k=False):  # noqa: F821, UP037 - a name for a type checker only
        return x * x * (2 if k else 1)


@pytest.mark.parametrize(("name", "wrong", "swept"), [
    ("boolean", "k=False", "k in [True, False]"),
    ("annotated", "k=True", "k in [False, True]"),
    ("literal", "k='a'", "k in ['b', 'a']"),
    ("member", "k=<Mode.DOUBLE: 2>", "k in [<Mode.PLAIN: 1>, <Mode.DOUBLE: 2>]"),
    ("enumeration", "k=<Mode.DOUBLE: 2>", "k in [<Mode.PLAIN: 1>, <Mode.DOUBLE: 2>]"),
    ("required", "k=<Mode.DOUBLE: 2>", "k in [<Mode.PLAIN: 1>, <Mode.DOUBLE: 2>]"),
    ("unknown_hint", "k=True", "k in [False, True]"),
])  # fmt: skip
def test_booleans_enumerations_and_literals_are_swept_unasked_and_the_wrong_one_is_named(name, wrong, swept):
    report = gv.check(getattr(Names, name), vjp=lambda g, x, k=0: 2 * g * x, inputs=X, laws=LAW)
    assert report.findings[0].dtype == f"float64, {wrong}"
    assert report.notes == (f"swept unasked: {swept}",)
    if "Mode" in wrong:
        assert "options={'k': [Mode.DOUBLE]}" in report.findings[0].witness


def test_what_the_rule_does_not_take_or_the_user_gave_is_left_as_it_is():
    assert gv.check(Names.boolean, vjp=lambda g, x: 2 * g * x, inputs=X, laws=LAW).status == "HOLDS"
    given = gv.check(Names.boolean, vjp=lambda g, x, k=0: 2 * g * x, inputs=X, laws=LAW, options={"k": [True]})
    assert (given.status, given.notes) == ("HOLDS", ())


def test_an_option_that_is_given_does_not_stop_the_others_from_being_swept():
    def two(x, power=1, twice=False):
        return x**power * (2 if twice else 1)

    def rule(g, x, power=1, twice=False):
        return g * power * x ** (power - 1)

    report = gv.check(two, vjp=rule, inputs=X, laws=LAW, options={"power": [1, 2]})
    assert report.findings[0].dtype == "float64, power=1, twice=True"


def test_a_keyword_without_default_or_values_is_misuse():
    def power(x, *, k):
        return x**k

    with pytest.raises(gv.Misuse, match=r"power: power needs k=; write options=\{'k': ...\}"):
        gv.check(power, vjp=lambda g, x, k=1: g, inputs=X)
    rule = {"vjp": lambda g, x, *, k: g * k * x ** (k - 1)}
    assert gv.check(power, **rule, inputs=X, laws=LAW, options={"k": (1, 2)}).status == "HOLDS"


def test_an_option_without_values_is_misuse():
    with pytest.raises(gv.Misuse, match=r"options=\{'k': \[\]\}: give the values to try"):
        gv.check(Names.boolean, vjp=lambda g, x, k=0: g, inputs=X, options={"k": []})


def test_the_doors_take_the_same_options():
    test = gv.suite(Names.boolean, vjp=lambda g, x, k=True: 2 * g * x, inputs=X)
    assert isinstance(test.gradverify, testing.Suite)
    assert {tuple(c.subject.options.items()) for c in test.gradverify.cases} == {(("k", (True, False)),)}
