"""A certificate is the same bytes everywhere, is read without evaluating anything, and says what was edited."""

from __future__ import annotations

import json
from functools import cache

import pytest

from gradverify._errors import LawBroken, Misuse
from gradverify.theorems.acceptance import Accepted, accept
from gradverify.theorems.certificate import digest, printed, read, term_as_list
from gradverify.theorems.derivation import Derivation
from gradverify.theorems.notation import Array, D, Function, Sum, delta, each, exp, log
from gradverify.theorems.term import Size
from gradverify.theorems.theorem import files, folder, load, recheck


@cache
def texts() -> dict[str, str]:
    return {n: t for n, t in files(load(folder())).items() if n.startswith("certificates/")}


def seed() -> dict[str, Derivation]:
    return {theorem.name: theorem.derivation for theorem in load(folder())}


@pytest.mark.parametrize("name", sorted(seed()))
def test_a_certificate_read_back_is_the_same_derivation_and_is_accepted_again(name: str) -> None:
    text = texts()[f"certificates/{name}.json"]
    derivation, _ = read(text)
    ours = seed()[name]
    assert [t.key for t in derivation.terms] == [t.key for t in ours.terms]
    assert (derivation.left, derivation.right, derivation.hypotheses) == (ours.left, ours.right, ours.hypotheses)
    assert isinstance(recheck(text, seed()), Accepted)


def test_a_certificate_may_be_checked_with_certificates_alone() -> None:
    known = {name: read(text)[0] for name, text in ((n.split("/")[1][:-5], t) for n, t in texts().items())}
    for name in seed():
        assert isinstance(accept(known[name], known), Accepted)


def test_the_canonical_form() -> None:
    value = {"b": ["sum", ["k"], ["entry", "s", "k"]], "a": [{"x": 1}, {"x": None}], "c": {}, "d": "δ"}
    assert printed(value) == (
        '{\n "a": [\n  {\n   "x": 1\n  },\n  {\n   "x": null\n  }\n ],\n'
        ' "b": ["sum", ["k"], ["entry", "s", "k"]],\n "c": {},\n "d": "\\u03b4"\n}'
    )
    assert json.loads(printed(value)) == value
    assert digest({"a": 1}) != digest({"a": 1}, "before")
    with pytest.raises(TypeError, match="float: a certificate holds words"):
        printed({"a": 0.5})


def test_a_term_as_a_list() -> None:
    K = Size("K")
    k, j, c = K.indices("k j c")
    s, y = Array("s", (K,)), Array("y", (), into=K)
    q = Array("q", (K,))
    f = Function("f", (q,), (), Sum(c, log(q[c])))
    assert term_as_list(D(Sum(c, exp(s[c]) / 2), s[j])) == [
        "derivative",
        ["sum", ["c"], ["times", ["exp", ["entry", "s", "c"]], ["power", "2", "-1"]]],
        ["entry", "s", "j"],
    ]
    assert term_as_list(delta(y.at(), k)) == ["delta", ["label", "y"], "k"]
    assert term_as_list(f(s).by(k)) == ["partial", "f", [], 0, ["k"], [["array", "s"]]]
    assert term_as_list(f(each(c, s[c] + 1)).as_term()) == [
        "call", "f", [], [["each", ["c"], ["plus", ["entry", "s", "c"], "1"]]],
    ]  # fmt: skip


def edited(name: str, **change: object) -> str:
    whole = json.loads(texts()[f"certificates/{name}.json"])
    return printed(whole | change) + "\n"


def test_an_edited_step_is_refused() -> None:
    whole = json.loads(texts()["certificates/softmax_jacobian.json"])
    whole["steps"][3]["expression"] = "0"
    with pytest.raises(LawBroken, match="softmax_jacobian, step 4: it is false"):
        recheck(printed(whole) + "\n", seed())


def test_an_edited_count_or_digest_is_told() -> None:
    whole = json.loads(texts()["certificates/softmax_jacobian.json"])
    whole["steps"][3]["comparisons"] = 1_000_000
    with pytest.raises(
        LawBroken, match=r'softmax_jacobian: the certificate has been edited: line .* "comparisons": 1000000'
    ):
        recheck(printed(whole) + "\n", seed())
    with pytest.raises(LawBroken, match="has been edited"):
        recheck(edited("softmax_jacobian", digest="0" * 64), seed())


def test_a_certificate_that_cites_what_is_not_given_is_refused() -> None:
    with pytest.raises(LawBroken, match="There is no rule 'theorem slope_of_exponentials'"):
        recheck(texts()["certificates/softmax_jacobian.json"])


def spoiled(*path: object, value: object) -> str:
    whole = json.loads(texts()["certificates/forward_message.json"])
    place = whole
    for word in path[:-1]:
        place = place[word]
    place[path[-1]] = value
    return json.dumps(whole)


HOSTILE = {
    "nothing": "",
    "a list": "[]",
    "another format": edited("forward_message", format=2),
    "code for a term": spoiled("theorem", "left", value=["__import__", "os"]),
    "an attribute for a term": spoiled("theorem", "left", value=["__class__", "s"]),
    "an unknown array": spoiled("theorem", "left", value=["entry", "no_such", "k"]),
    "an unknown index": spoiled("theorem", "left", value=["entry", "s", "zz"]),
    "an index of ours": spoiled("theorem", "indices", value={"c": "K", "k": "K", "_1": "K"}),
    "a subscript too many": spoiled("theorem", "left", value=["entry", "s", "k", "k"]),
    "a number that is none": spoiled("theorem", "right", value="1e999999999"),
    "a division by zero": spoiled("theorem", "right", value="1/0"),
    "a huge number": spoiled("theorem", "right", value="9" * 5000),
    "a float": spoiled("theorem", "right", value=0.5),
    "a term that is a dictionary": spoiled("theorem", "right", value={"a": 1}),
    "a term too deep": spoiled("theorem", "right", value="X").replace('"X"', '["exp", ' * 30000 + '"1"' + "]" * 30000),
    "functions in a circle": spoiled("theorem", "functions", "Z", "formula", value=["call", "L", [], [["array", "s"]]]),
    "a name that is two": spoiled("theorem", "sizes", value={"K) (Number 1": ""}),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_certificate_is_misuse(text: str) -> None:
    with pytest.raises(Misuse):
        read(text)


def test_a_huge_power_is_not_computed() -> None:
    """2^(10^90) in a certificate costs nothing and proves nothing."""
    text = spoiled("theorem", "right", value=["power", "2", "1" + "0" * 90])
    derivation, _ = read(text)
    assert not isinstance(accept(derivation, seed()), Accepted)
