"""Of a vector of many parameters few copies are held at a time: large arrays are worked through in slices."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import gradverify as gv
from gradverify._arrays import SLICE, Deferred, clone, deferred, largest, slices
from gradverify._vectors import Vectors

MOST = 6.0  # copies of the parameters, beyond what the function and its pullback take themselves
PARAMETERS = 300_000

MEASURED = """
import sys, tracemalloc
import numpy as np
import gradverify as gv
from gradverify._claim import equal
from gradverify._law import law
from gradverify._vectors import Estimate

def f(x):
    return np.sum(np.logaddexp(x, -x) - np.log(2)) / 2

def vjp(g, x):
    return float(sys.argv[2]) * g * np.tanh(x) / 2

@law(needs=())
def hoarded(f, x):
    '''Nine copies are held.'''
    copies = [np.array(x[0]) for _ in range(9)]
    yield equal(Estimate(float(len(copies))), Estimate(9.0))

laws = hoarded if sys.argv[3] == "hoarded" else None
gv.check(f, vjp=vjp, inputs=np.linspace(-1, 2, 5), laws=laws)
x = np.random.default_rng(0).standard_normal(int(sys.argv[1]))
tracemalloc.start()
f(x)
vjp(1.0, x)
own = tracemalloc.get_traced_memory()[1]
tracemalloc.reset_peak()
report = gv.check(f, vjp=vjp, inputs=x, laws=laws)
print(report.status, (tracemalloc.get_traced_memory()[1] - own) / x.nbytes)
"""


def measured(factor: float = 1.0, what: str = "all") -> tuple[str, float]:
    """The status of a check in a process of its own, and the copies that it held at most."""
    command = [sys.executable, "-c", MEASURED, str(PARAMETERS), str(factor), what]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    status, copies = done.stdout.split()
    return status, float(copies)


def test_a_whole_check_holds_few_copies_of_many_parameters():
    status, copies = measured()
    assert status == "HOLDS"
    assert copies <= MOST


def test_a_law_that_holds_many_copies_is_seen_to():
    _, copies = measured(what="hoarded")
    assert copies > MOST


def test_a_factor_of_two_fails_on_many_parameters():
    x = np.random.default_rng(1).standard_normal(2 * SLICE + 7)
    report = gv.check(lambda x: np.sum(x**2), vjp=lambda g, x: 4 * g * x, inputs=x)
    assert report.status == "FAILS"


def test_one_entry_that_is_off_beyond_the_first_slice_is_named():
    x = np.random.default_rng(2).uniform(1, 2, SLICE + 100)

    def wrong_when_reversed(g, x):
        out = g * np.cos(x)
        out[SLICE + 3] *= 1.5 if x.strides[0] < 0 else 1.0
        return out

    report = gv.check(np.sin, vjp=wrong_when_reversed, inputs=x, laws="layout_does_not_matter")
    (finding,) = report.verdicts[0].findings
    assert finding.index == (SLICE + 3,)


LAYOUTS = {
    "flat": lambda a: a.ravel(),
    "rows": lambda a: a,
    "columns": np.asfortranarray,
    "reversed": lambda a: a[::-1, ::-1],
    "strided": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "expanded": lambda a: np.broadcast_to(a[:1], a.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("rows", [3, 700])
def test_slices_go_through_arrays_of_any_layout_in_one_order(layout, rows):
    a = LAYOUTS[layout](np.random.default_rng(3).standard_normal((rows, 211)))
    b = np.arange(a.size).reshape(a.shape)
    runs = list(slices(a, b))
    assert np.array_equal(np.concatenate([p.ravel() for p, _ in runs]), a.ravel())
    assert np.array_equal(np.concatenate([q.ravel() for _, q in runs]), b.ravel())
    assert max(p.size for p, _ in runs) <= SLICE


@pytest.mark.parametrize("size", [0, 1, SLICE, SLICE + 1, 3 * SLICE])
def test_what_is_deferred_is_what_the_whole_array_gives(size):
    a, b = np.random.default_rng(4).standard_normal((2, size))
    there = deferred(lambda p, q: 2 * np.abs(p) - q, a, deferred(np.sin, b))
    whole = 2 * np.abs(a) - np.sin(b)
    assert isinstance(there, Deferred) == (size > SLICE)
    assert (there.shape, there.dtype, there.size) == (whole.shape, whole.dtype, whole.size)
    assert np.array_equal(there, whole)
    assert np.array_equal(clone(there), whole)
    assert np.array_equal(there + 1, whole + 1)
    assert largest(there) == max(0.0, whole.max(initial=0.0))
    if size:
        assert there[size - 1,] == whole[-1]
        assert there.sum() == whole.sum()


def test_the_largest_entry_is_nan_where_one_is():
    a = np.zeros(2 * SLICE)
    a[-1] = np.nan
    assert np.isnan(largest(a))


def test_sums_and_inner_products_are_the_same_in_slices():
    a, b = np.random.default_rng(5).standard_normal((2, 3 * SLICE + 5))
    total, whole = Vectors((a,)) + 3.0 * Vectors((b,)), a.astype(np.longdouble) + 3 * b.astype(np.longdouble)
    assert np.all(np.abs(total[0] - whole) <= total.bars()[0])
    found, exact = Vectors((a,)).inner(Vectors((b,))), float((a.astype(np.longdouble) * b).sum())
    assert abs(found.value - exact) <= found.error + 1e-15 * abs(exact)
    assert found.error < 1e-12 * abs(a * b).sum()


def test_arrays_to_spare_are_handed_out_and_others_copied():
    seen = []
    subject = gv.Subject(
        "f", lambda *x: (seen.extend(x), x[0] + x[1])[1], gv.Domain({"a": gv.Box("n"), "b": gv.Box("n")})
    )
    a, b = np.ones(3), np.ones(3)
    subject.observe("value", Vectors((a, b), spare=frozenset({1})))
    assert seen[0] is not a
    assert seen[1] is b
