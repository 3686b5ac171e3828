"""A set of entries is written as a user would index it, and evaluating what is written gives the set again."""

from __future__ import annotations

import numpy as np
import pytest

from gradverify.explain.regions import listed, places

SHAPE = (6, 8)


def marked(*indices, shape=SHAPE):
    wrong = np.zeros(shape, bool)
    for index in indices:
        wrong[index] = True
    return wrong


INDEXED = {
    "x": marked(...),
    "x[3, 7]": marked((3, 7)),
    "x[5, :]": marked(5),
    "x[:, 0]": marked((slice(None), 0)),
    "x[2:5, 1:3]": marked((slice(2, 5), slice(1, 3))),
    "x[:2, :]": marked(slice(2)),
    "x[4:, :]": marked(slice(4, None)),
    "x[::2, :]": marked(slice(None, None, 2)),
    "x[1::2, 7]": marked((slice(1, None, 2), 7)),
}
SEVERAL = {
    ("x[0, 1]", "x[2, 7]", "x[3, 0]"): marked((0, 1), (2, 7), (3, 0)),
    ("x[0, :]", "x[3, :]"): marked(0, 3),
    ("x[0, :]", "x[3:5, :]"): marked(0, 3, 4),
    ("the diagonal of x",): np.eye(5, dtype=bool),
    ("the upper triangle of x",): np.triu(np.ones((5, 5), bool), 1),
    ("x[3, 7]", "x[5, :]"): marked((3, 7), 5),
    ("x.ravel()[13:]",): (np.arange(48) >= 13).reshape(SHAPE),
    (): np.arange(48).reshape(SHAPE) % 7 % 3 == 0,
}


@pytest.mark.parametrize("text", INDEXED)
def test_a_part_is_written_as_the_index_that_gives_it(text):
    assert places("x", INDEXED[text]) == (text,)
    x = np.zeros(SHAPE)
    exec(f"{text} = 1" if "[" in text else f"{text}[...] = 1", {"x": x})
    assert np.array_equal(x == 1, INDEXED[text])


@pytest.mark.parametrize("texts", SEVERAL)
def test_several_parts_are_written_one_by_one_if_they_are_few(texts):
    assert places("x", SEVERAL[texts]) == texts


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (np.array(True), "x"),
        (marked(2, shape=(5,)), "x[2]"),
        (marked(slice(3, None), shape=(5,)), "x[3:]"),
        (marked((0, 1), shape=(1, 5)), "x[:, 1]"),
        (marked(slice(0, None, 3), shape=(9,)), "x[::3]"),
    ],
)
def test_of_other_shapes_too(wrong, text):
    assert places("x", wrong) == (text,)


def test_nothing_is_nowhere():
    assert places("x", np.zeros(3, bool)) == ()


def test_entries_are_told_from_parts():
    assert listed(marked((0, 1), (2, 7)))
    assert not listed(marked(5))
