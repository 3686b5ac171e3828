"""``suite`` is the second door: one line makes a pytest test of every law, named by it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import ModuleType
from typing import Any

import hypothesis
import pytest

from gradverify import _errors, _render
from gradverify._check import untouched_state
from gradverify._domain import Sizes
from gradverify._errors import Misuse
from gradverify._examine import survey
from gradverify._law import Law
from gradverify._method import Method
from gradverify._subject import Subject
from gradverify._verdict import Report, Status, Verdict
from gradverify.adapters.subjects import Request, floating_types, subjects_of
from gradverify.laws import SPECS, laws_named, laws_of
from gradverify.search import Search

PROFILES: Mapping[str, Search] = {
    "quick": Search(examples=1),
    "ci": Search(settings=hypothesis.settings(derandomize=True, database=None)),
    "thorough": Search(examples=20),
}
RESTS = "not judged: it rests on"  # one root cause is one failure
Test = Callable[..., None]


def suite(
    f: Any,
    *,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
    jac: Callable[..., Any] | None = None,
    grad: Callable[..., Any] | None = None,
    hess: Callable[..., Any] | None = None,
    hessp: Callable[..., Any] | None = None,
    backward: Callable[..., Any] | None = None,
    inputs: Any = None,
    args: tuple[Any, ...] = (),
    sizes: Sizes | None = None,
    dtype: str | tuple[str, ...] | None = None,
    options: Mapping[str, Any] | None = None,
    spec: str = "",
    laws: str | Law | tuple[str | Law, ...] | None = None,
    by: Method | None = None,
    seed: int | None = None,
    name: str | None = None,
    strict: bool = False,
    skip: Mapping[str, str] | None = None,
    xfail: Mapping[str, str] | None = None,
    convention: str = "",
) -> Test:
    """What pytest collects as one test for each law: ``test_softmax = gv.suite(softmax, vjp=..., inputs=...)``.

    Takes what ``check`` takes; a Subject, or several in a tuple; a network is tested together with its
    parts. All laws of a subject are judged at the same points: ``by`` that method, else ``Search`` as the
    profile says (``--gv-profile``; without one, ``Search()``). ``seed`` is ``--gv-seed``, or 0, unless it is given.

    A test fails where its law FAILS, and where a derivative, or a law that the spec names, stays
    UNDECIDED. It is skipped, with the reason, where another law stays UNDECIDED, or rests on one that fails.
    ``skip`` and ``xfail`` name laws (or tests, as pytest shows them in brackets), each with a reason. What
    rests on a skipped law is skipped too; a law that is expected to fail and holds is a failure.
    """
    rules = {"vjp": vjp, "jvp": jvp, "jac": jac, "grad": grad, "hess": hess, "hessp": hessp, "backward": backward}
    given = tuple(rule for rule in rules.values() if rule is not None)
    prefix, setup = _reached((f, *given)) if given else ("", "")
    types = floating_types(dtype)
    request = Request(inputs, args, sizes or {}, types, options, name, prefix, setup, spec, convention)
    with untouched_state():
        each = f if isinstance(f, tuple | list) else (f,)
        subjects = tuple(s for one in each for s in subjects_of(one, rules, request)[0])
    if not subjects:
        raise Misuse("suite(()): there is nothing to test; give a function with its derivative, or Subjects.")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
        raise Misuse(f"seed={seed!r}: give a whole number >= 0; pytest's --gv-seed sets it from outside.")
    whole = tuple({id(part): part for s in subjects for part in (s, *s.parts)}.values())
    chosen = [(s, law) for s in whole for law in (laws_of(s.spec) if laws is None else laws_named(laws))]
    cases = tuple(
        Case(s, law, f"{s.name}-{law.name}" if len(whole) > 1 else law.name) for s, law in chosen if not law.missing(s)
    )
    if not cases:
        s, law = chosen[0]
        raise Misuse(f"{s.name} claims no {law.missing(s)}, which {law.name} is about; leave the law out, or give it.")
    skipped, expected = _told("skip", skip, cases), _told("xfail", xfail, cases)
    cases = tuple(replace(c, skipped=skipped.get(c.name, ""), expected=expected.get(c.name, "")) for c in cases)
    return _test(Suite(tuple(_with_what_it_rests_on(c, cases) for c in cases), by, seed, strict))


# -- what is tested -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One test: a law about a subject, the name pytest shows, and why it is skipped, or expected to fail, if it is."""

    subject: Subject
    law: Law
    name: str
    skipped: str = ""
    expected: str = ""

    @property
    def required(self) -> bool:
        """Must it be decided? The derivative must, and what the spec promises beyond it."""
        return self.law.derivative or self.law in SPECS.get(self.subject.spec, ())


@dataclass(frozen=True)
class Suite:
    """The tests of one ``suite``; those of one subject are judged together, when the first of them runs.

    ``wanted`` are the names of the tests that will run, where the plugin knows them; else all will.
    """

    cases: tuple[Case, ...]
    by: Method | None
    seed: int | None
    strict: bool
    wanted: set[str] = field(default_factory=set)
    known: dict[str, Verdict] = field(default_factory=dict)

    def verdict(self, case: Case, config: pytest.Config) -> tuple[Verdict, int]:
        """The verdict on this case, and the seed it was found with."""
        seed = self.seed if self.seed is not None else int(config.getoption("gv_seed", None) or 0)
        if case.name not in self.known:
            method = self.by or PROFILES.get(config.getoption("gv_profile", None) or "", Search())
            wanted = {case.name, *(self.wanted or (c.name for c in self.cases))}
            beside = [c for c in self.cases if c.subject is case.subject and not c.skipped]
            together = [c for c in beside if c.name in wanted]
            with untouched_state():
                laws = [c.law for c in together]
                verdicts = survey(laws, case.subject, by=method, seed=seed, strict=self.strict)
            self.known.update({c.name: verdict for c, verdict in zip(together, verdicts, strict=True)})
        return self.known[case.name], seed


def _with_what_it_rests_on(case: Case, cases: tuple[Case, ...]) -> Case:
    """The case, skipped if a law that it rests on is."""
    base = next((c for c in cases if c.subject is case.subject and c.law.name in case.law.after and c.skipped), None)
    if base is None or case.skipped:
        return case
    return replace(case, skipped=f"it rests on {base.law.name}, which is skipped: {base.skipped}")


def _told(word: str, given: Mapping[str, str] | None, cases: tuple[Case, ...]) -> dict[str, str]:
    """The reason for every case that ``skip=`` or ``xfail=`` speaks of; Misuse for no reason, or for no such law."""
    out: dict[str, str] = {}
    known = dict.fromkeys(n for c in cases for n in (c.law.name, c.name))
    for named, reason in (given or {}).items():
        if not isinstance(reason, str) or not reason.strip():
            raise Misuse(f"{word}={{{named!r}: {reason!r}}}: say why, in a sentence that others will read.")
        if named not in known:
            near = get_close_matches(str(named), known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(known)}."
            raise Misuse(f"{word}={{{named!r}: ...}}: no such law is tested here; {hint}")
        out |= {c.name: reason for c in cases if named in (c.law.name, c.name)}
    return out


def _reached(functions: tuple[Any, ...]) -> tuple[str, str]:
    """How a witness reaches functions that stand in one module: a prefix, and the line that makes it; or nothing."""
    homes = {getattr(function, "__module__", None) for function in functions}
    module = sys.modules.get(homes.pop() or "") if len(homes) == 1 else None
    names = [getattr(function, "__qualname__", "<") for function in functions]
    if not isinstance(module, ModuleType) or any("<" in n or "." in n for n in names):
        return "", ""
    if module.__package__:
        return "m.", f"import {module.__name__} as m"
    file = getattr(module, "__file__", None)
    return ("m.", f"m = gv.load({os.path.relpath(file)!r})".replace("'", '"')) if file else ("", "")


# -- the test -------------------------------------------------------------------------------------


class Shown(pytest.fail.Exception):  # type: ignore[name-defined,misc] # pytest leaves it untyped
    """A failure of which pytest shows the message alone: no traceback of ours."""

    def __init__(self, message: str) -> None:
        pytest.fail.Exception.__init__(self, message, pytrace=False)


class LawBroken(Shown, _errors.LawBroken):
    """A law FAILS."""

    __module__ = "builtins"  # so that it is named without a module, as pytest's own outcomes are


class NothingDecided(Shown, _errors.NothingDecided):
    """A law that has to be decided is not."""

    __module__ = "builtins"


def _test(whole: Suite) -> Test:
    """The function that pytest collects, from the line on which ``suite`` was called."""
    marks = {c.name: [pytest.mark.skip(reason=c.skipped)] if c.skipped else [] for c in whole.cases}
    cases = [pytest.param(c, id=c.name, marks=marks[c.name]) for c in whole.cases]

    @pytest.mark.parametrize("case", cases)
    def test(case: Case, request: pytest.FixtureRequest) -> None:
        verdict, seed = whole.verdict(case, request.config)
        facts = {"seconds": verdict.seconds, "required": case.required, "expected": case.expected}
        request.node.gradverify = json.loads(Report((verdict,), seed, facts=facts).to_json())  # for the plugin
        _judged(case, verdict, seed)

    caller = sys._getframe(2)
    code = test.__code__.replace(co_filename=caller.f_code.co_filename, co_firstlineno=caller.f_lineno)
    test.__code__ = code
    test.__doc__ = "\n".join(f"{c.name}: {c.law.statement}" for c in whole.cases)
    test.gradverify = whole  # type: ignore[attr-defined]
    return staticmethod(test) if "__qualname__" in caller.f_locals else test  # in a class it takes no self


def _judged(case: Case, verdict: Verdict, seed: int) -> None:
    """Pass, fail, skip or fail as expected."""
    __tracebackhide__ = True
    what = f"{_render.clean(verdict.subject)} {verdict.status} {verdict.law}"
    reason = _render.clean(verdict.reason)
    if verdict.status is Status.UNDECIDED and (reason.startswith(RESTS) or not (case.required or case.expected)):
        pytest.skip(f"{what}: {reason}")
    if case.expected and verdict.status is Status.FAILS:
        pytest.xfail(case.expected)
    if case.expected:
        raise LawBroken(f"{what}, which was expected to fail ({case.expected}); take it out of xfail=")
    if verdict.status is Status.FAILS:
        raise LawBroken("\n".join(_told_failure(verdict, seed)))
    if verdict.status is Status.UNDECIDED:
        raise NothingDecided(f"{what}: {reason} (by {verdict.by}, {verdict.scope}, seed {seed})")


def _told_failure(verdict: Verdict, seed: int) -> Iterator[str]:
    """Subject, law, and what is wrong where, on the first line; then how it was found and the line that repeats it."""
    first, statement, *rest = _render.failure(verdict)
    at = rest.pop(0).strip() if rest and rest[0].startswith("  at ") else ""
    yield first + ("; " if ": " in first else " ") + at if at else first
    yield statement
    yield from rest
    yield f"  found by {verdict.by} among {verdict.scope} (seed {seed})"
