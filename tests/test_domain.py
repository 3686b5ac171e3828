"""Boxes, places and sizes are read as written, and what cannot be is misuse."""

from __future__ import annotations

import numpy as np
import pytest

from gradverify import At, Box, Domain, Misuse


def test_a_shape_is_symbols_and_numbers():
    box = Box("n 3 k")
    assert box.symbols == ("n", "k")
    assert box.dims({"n": 2, "k": 5}) == (2, 3, 5)
    assert Box("").dims({}) == ()
    assert Box((3, 4)).dims({}) == (3, 4)


def test_sizes_are_ranges_and_a_number_is_both_ends():
    domain = Domain({"x": Box("n k"), "y": Box("k")}, {"k": 4})
    assert domain.ranges == (("n", 1, 5), ("k", 4, 4))


@pytest.mark.parametrize(("make", "message"), [
    (lambda: Box("n", kind="rael"), "Box: kind 'rael' is not known; choose one of real,"),
    (lambda: Box("n", low=1, high=0), "Box: low=1 is not below high=0"),
    (lambda: Box("n", kind="index"), r'needs an exclusive upper bound; write high=10, or high="k"'),
    (lambda: Box(2.5), "Box: shape is 2.5"),
    (lambda: At(np.ones(2), kind="odd"), "At: kind 'odd' is not known"),
    (lambda: Domain({"x": Box("n")}, {"m": 1}), r"no input has a size 'm' \(sizes here: n\)"),
])  # fmt: skip
def test_what_cannot_be_read_is_misuse(make, message):
    with pytest.raises(Misuse, match=message):
        make()


def test_only_floating_arguments_of_a_smooth_kind_are_differentiated():
    places = {
        "a": At(np.ones(2)),
        "i": At(np.arange(2)),
        "t": Box("n k", kind="one-hot"),
        "p": Box("n", kind="simplex"),
    }
    assert Domain(places).smooth == (0, 3)
