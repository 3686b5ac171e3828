"""The one data set we train on: scikit-learn's bundled digits, split once and for all (only home of scikit-learn)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gradverify._arrays import Array
from gradverify._errors import Misuse

TEST = 360  # images kept for testing, of 1797
SPLIT = 20240229  # the seed of the one permutation everybody uses


@dataclass(frozen=True)
class Digits:
    """Images "n 64" in [0, 1], their classes "n" (0 to 9), and for training the classes one-hot, "n 10"."""

    train_x: Array
    train_t: Array
    train_y: Array
    test_x: Array
    test_y: Array


def digits(n: int | None = 512, *, dtype: str = "float32") -> Digits:
    """The first ``n`` training images (None: all 1437) and the 360 test images, the same on every call.

    8 x 8 grey levels divided by 16 (Alpaydin & Kaynak, UCI Optical Recognition of Handwritten Digits).
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as missing:
        raise Misuse(
            "digits: scikit-learn, which carries the images, is not installed; "
            "run python -m pip install 'gradverify[experiments]'."
        ) from missing
    images, classes = load_digits(return_X_y=True)
    order = np.random.default_rng(SPLIT).permutation(len(images))
    images, classes = (images[order] / 16).astype(dtype), classes[order]
    most = len(images) - TEST
    if n is not None and not 1 <= n <= most:
        raise Misuse(f"digits: n={n} training images were asked for, and there are {most}; write n=None for all.")
    train = slice(TEST, None if n is None else TEST + n)
    return Digits(
        train_x=images[train],
        train_t=np.eye(10, dtype=dtype)[classes[train]],
        train_y=classes[train],
        test_x=images[:TEST],
        test_y=classes[:TEST],
    )
