"""A schedule's rates are those its sentence says, and a step subtracts rate times gradient from copies."""

from __future__ import annotations

import numpy as np
import pytest

from gradverify.nn import SGD, ByAccuracy, Clock, Constant, Halving, InverseTime


@pytest.mark.parametrize(
    ("schedule", "clock", "rate"),
    [
        (Constant(0.5), Clock(900, 0.9), 0.5),
        (Halving(0.8, every=200), Clock(199), 0.8),
        (Halving(0.8, every=200), Clock(200), 0.4),
        (Halving(0.8, every=200), Clock(600), 0.1),
        (InverseTime(0.8, half=100), Clock(0), 0.8),
        (InverseTime(0.8, half=100), Clock(100), 0.4),
        (InverseTime(0.8, half=100), Clock(300), 0.2),
        (ByAccuracy(0.8), Clock(900, 0.0), 0.8),
        (ByAccuracy(0.8), Clock(0, 0.75), 0.2),
        (ByAccuracy(0.8, floor=0.125), Clock(0, 0.99), 0.1),
    ],
)
def test_rates(schedule: Constant, clock: Clock, rate: float) -> None:
    assert schedule.at(clock) == pytest.approx(rate, rel=1e-15)


def test_a_step_leaves_its_arguments_alone_and_keeps_their_type() -> None:
    sgd = SGD(Constant(0.5))
    p, g = np.ones(3, "float32"), np.array([1, 2, 4], "float32")
    (q,) = sgd.step(sgd.init(), (p,), (g,))
    np.testing.assert_array_equal(q, [0.5, 0, -1])
    assert q.dtype == "float32"
    np.testing.assert_array_equal(p, [1, 1, 1])


def test_the_best_accuracy_is_remembered() -> None:
    sgd = SGD(ByAccuracy(1.0))
    clock = sgd.turn(sgd.seen(sgd.turn(sgd.seen(sgd.init(), 0.75)), 0.25))
    assert clock == Clock(2, 0.75)
    assert sgd.schedule.at(clock) == 0.25


def test_a_number_of_gradients_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        SGD(Constant(1.0)).step(Clock(), (np.ones(1), np.ones(1)), (np.ones(1),))
