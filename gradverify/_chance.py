"""The chance that a whole run is wrong is stated in advance, and split over everything that may be compared.

**A right rule that FAILS.** What a right answer may be off by is a bound (errors that oracles state, roundings that
are counted), except for rounding that was measured: of that ``NOISE`` standard deviations are granted. A normal
number is further out with a chance below ``CHANCE / COMPARISONS``, so that by Bonferroni's inequality a whole run of
up to ``COMPARISONS`` numbers stays below ``CHANCE``, whatever depends on whatever. Sums along directions with random
signs, of which a run has far fewer, have Hoeffding's bound: 5e-18 each, 3e-9 where signs come in pairs (symmetric
matrices), and that of roundings counted generously.

The argument stops at the standard deviation itself. It is measured beside the point, from two times three tables of
seven values, and taken for that of the answer; it is assumed that rounding is no wider than normal. If the noise were
white, 10 of what six such tables measure would be exceeded once in 1e10, and once in 7e5 where the three narrow ones
show nothing. Two misses, one of them along a fresh direction and cotangent, are asked for before a rule FAILS.

**A wrong gradient that is missed.** Along u_i = s_i (+-1) U[1/2, 3/2], each drawn by itself, an error e of the
gradient shows as S = sum_i e_i u_i. The density of u_i is 1/(2 s_i) at most, so that, the others fixed,

    P(|S| < d) <= d / (|e_i| s_i)    for every i, whatever cancels in the rest.

Equality is reached by two errors of one size. A rule is missed where |S| and what a right rule is off by, both sides
of one bar, cover each other: |S| <= 2 d, if d is the least that would have been seen (``Verdict.visible``, times the
step and the usual size of the largest entry, is no less). An error of m times that, |e_i| s_i >= m d, is therefore
missed along one direction with chance 2/m + ``GRAIN`` at most (u is rounded to 16 bits), and along both directions of a
point with the square of it: below ``CHANCE`` from m = ``TIMES`` on. One wrong entry by itself cannot hide:
|e u| >= m d / 2, and so is never missed from m = 4 on.
"""

from __future__ import annotations

import math
from statistics import NormalDist

CHANCE = 1e-6  # that a whole run calls a right rule wrong; and that one point misses a mistake of TIMES the least
COMPARISONS = 2**53  # numbers that are compared in a run: more than any run can


def sigmas(chance: float) -> float:
    """How many standard deviations a normal number exceeds, either way, with this chance."""
    return -NormalDist().inv_cdf(chance / 2)


NOISE = math.ceil(sigmas(CHANCE / COMPARISONS))  # standard deviations of rounding that was measured
GRAIN = 1.5 * 2**-16  # of a tangent's step: half a unit of its 16 bits, where it is longest
TIMES = 100 * math.ceil(2 / (CHANCE**0.5 - GRAIN) / 100)  # the least visible mistake, in round numbers


def missed(times: float) -> float:
    """The chance at most that both directions of a point miss an error of so many times the least visible one."""
    return min(1.0, 2 / times + GRAIN) ** 2 if times > 0 else 1.0
