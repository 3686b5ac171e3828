"""The digits are scikit-learn's, split once, and their absence is explained."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from gradverify._errors import Misuse
from gradverify.nn import digits


def test_the_split_is_a_partition_of_scikit_learns_images() -> None:
    data = digits(None)
    images, classes = load_digits(return_X_y=True)
    ours = np.vstack((data.test_x, data.train_x)) * 16
    rows = {(*image, label) for image, label in zip(images.tolist(), classes.tolist(), strict=True)}
    labels = np.concatenate((data.test_y, data.train_y)).tolist()
    assert {(*image, label) for image, label in zip(ours.tolist(), labels, strict=True)} == rows
    assert (len(data.test_x), len(data.train_x)) == (360, 1437)


def test_labels_are_one_hot_and_512_is_the_default() -> None:
    data = digits()
    assert data.train_x.shape == (512, 64)
    assert data.train_x.dtype == data.train_t.dtype == "float32"
    np.testing.assert_array_equal(data.train_t.sum(axis=1), 1)
    np.testing.assert_array_equal(data.train_t.argmax(axis=1), data.train_y)
    assert 0 == data.train_x.min() < data.train_x.max() == 1
    np.testing.assert_array_equal(digits(dtype="float64").train_x, data.train_x)


def test_too_many_images_are_refused_with_how_many_there_are() -> None:
    with pytest.raises(Misuse, match=r"n=1438 training images were asked for, and there are 1437; write n=None"):
        digits(1438)


def test_without_scikit_learn_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(Misuse, match=r"python -m pip install 'gradverify\[experiments\]'"):
        digits()
