"""How large a mistake is, and whether one entry makes it, is told from every look at it, not from the first."""

from __future__ import annotations

import numpy as np
import pytest

import gradverify as gv
from gradverify._claim import equal
from gradverify._disagreement import _of_one_entry, _share_of_all
from gradverify._domain import At, Domain
from gradverify._subject import Subject
from gradverify._vectors import Estimate, Vectors, vectors
from gradverify._verdict import Outcome
from gradverify.judge import Judgement

LAW = "pullback_is_the_derivative"
N, SHARE, BAR = 16, 1e-6, 1e-12
X = np.linspace(1, 2, N)
LITTLE = (np.array([1.0, -1.0] * 8), np.array([1.0, -1.01] * 8), np.array([-1.0, 1.02] * 8))  # signs that nearly cancel


def looks(mistakes):
    """What is seen along directions in which all entries make little together, of these mistakes of a gradient of 1."""
    subject = Subject("f", np.sum, Domain({"x": At(X)}), vjp=lambda g, x: g * (1 + mistakes))
    x, v = vectors([X]), vectors([np.array(1.0)])
    found = []
    for u in LITTLE:
        claim = equal(subject.pullback(x, v).inner(Vectors((u,))), Estimate(float(u.sum()), source="known"))
        gap = abs(float(np.sum(mistakes * u)))
        found.append(({}, claim, Judgement(Outcome.DISAGREES, gap=gap, bar=BAR)))
    return tuple(found)


def test_a_factor_is_known_however_little_the_entries_make_together():
    seen = looks(np.full(N, SHARE))[1:]  # along the first they make nothing at all
    assert _share_of_all(seen, 0) == pytest.approx(SHARE, rel=1e-3)
    assert max(_share_of_all((look,), 0) for look in seen) == pytest.approx(SHARE, rel=1e-3)
    apart = looks(np.where(np.arange(N) == 3, SHARE, 0.0))[1:]  # one entry's is no factor of all
    assert _share_of_all(apart, 0) < SHARE


def test_a_mistake_is_one_entry_s_only_if_it_makes_the_gap_of_every_look():
    alone = looks(np.where(np.arange(N) == 3, SHARE, 0.0))
    assert all(_of_one_entry(look, 0, (3,), SHARE, 1.0) for look in alone)
    together = looks(np.where(np.arange(N) < 2, SHARE, 0.0))
    assert not all(_of_one_entry(look, 0, (1,), SHARE, 1.0) for look in together)
    assert not all(_of_one_entry(look, 0, (4,), 2 * SHARE, 1.0) for look in alone)


@pytest.mark.parametrize("f", [np.sin, lambda x: np.abs(np.sin(x) + 2)], ids=["complex", "of reals alone"])
@pytest.mark.parametrize("share", ["entry", "norm"])
def test_of_very_many_entries_too_what_is_told_to_be_visible_is_and_a_third_of_it_is_not_alleged(f, share):
    x = np.random.default_rng(5).uniform(0.5, 1.5, 20_000) * np.random.default_rng(6).choice([-1, 1], 20_000)

    def checked(times):
        off = np.ones(x.size)
        at = slice(None) if share == "norm" else int(np.argmax(np.abs(np.cos(x))))
        off[at] += times
        return gv.check(lambda x: np.sum(f(x)), vjp=lambda g, x: g * np.cos(x) * off, inputs=x, laws=LAW)

    right = checked(0.0)
    assert right.ok
    (told,) = (right.verdicts[0].visible if share == "entry" else right.verdicts[0].visible_in_norm).values()
    assert checked(3 * told).status == "FAILS"
    assert checked(told / 3).status != "FAILS"
