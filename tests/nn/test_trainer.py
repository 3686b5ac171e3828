"""The trainer trains the very parts that were verified, records what it says, and stops cleanly."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from gradverify import nn
from gradverify._errors import Misuse

SMALL = (64, 16, 10)


@pytest.fixture(scope="module")
def data() -> nn.Digits:
    return nn.digits(128)


def test_it_learns(data: nn.Digits) -> None:
    run = nn.train(nn.network(SMALL), data, rate=0.5, epochs=200)
    assert run.loss[-1] < 0.2 < 2 < run.loss[0]
    assert run.train_accuracy[-1] > 0.95
    assert run.test_accuracy[-1] > 0.8
    assert run.diverged is None


def test_it_trains_the_very_parts(data: nn.Digits) -> None:
    """With the sign of one part's gradient wrong, and nothing else changed, the loss goes up."""
    wrong = dataclasses.replace(nn.cross_entropy_one_hot, vjp=lambda g, s, t: (-(nn.softmax(s) - t) / len(s) * g, None))
    run = nn.train(nn.network(SMALL, loss=wrong), data, rate=0.1, epochs=20)
    assert run.loss[-1] > run.loss[0]


def test_an_epoch_of_the_full_batch_is_one_step(data: nn.Digits) -> None:
    net = nn.network(SMALL)
    run = nn.train(net, data, rate=0.25, epochs=1)
    gradients = nn.loss_and_gradient(net, data.train_x, data.train_t, run.start).gradients
    for before, g, after in zip(run.start, gradients, run.end, strict=True):
        np.testing.assert_array_equal(after, before - np.float32(0.25) * g)


def test_what_is_recorded_is_what_was_there(data: nn.Digits) -> None:
    net = nn.network(SMALL)
    run = nn.train(net, data, rate=0.1, epochs=7, seed=3)
    assert run.epochs == 7
    assert run.rate.tolist() == [0.1] * 7
    for index, parameters in ((0, run.start), (-1, run.end)):
        assert run.loss[index] == float(net(data.train_x, data.train_t, *parameters))
        scores = nn.logits(net, data.test_x, parameters)
        assert run.test_accuracy[index] == np.mean(np.argmax(scores, axis=1) == data.test_y)
        np.testing.assert_allclose(run.amplitude[index], [np.abs(W).mean() for W in parameters[::2]], rtol=1e-6)
        np.testing.assert_allclose(run.norm[index], [np.linalg.norm(W) for W in parameters[::2]], rtol=1e-6)
        np.testing.assert_allclose(run.bias_norm[index], [np.linalg.norm(b) for b in parameters[1::2]], rtol=1e-6)
    assert run.norm.shape == run.amplitude.shape == run.bias_norm.shape == (8, 2)


def test_a_seed_repeats_a_run_and_another_does_not(data: nn.Digits) -> None:
    runs = [nn.train(nn.network(SMALL), data, rate=0.1, epochs=5, seed=s, batch=50) for s in (1, 1, 2)]
    np.testing.assert_array_equal(runs[0].loss, runs[1].loss)
    assert not np.array_equal(runs[0].loss, runs[2].loss)


def test_batches_visit_every_image_once_an_epoch(data: nn.Digits) -> None:
    seen: list[Any] = []

    def noting(x: Any, W: Any, b: Any) -> Any:
        seen.append(x)
        return nn.linear(x, W, b)

    net = nn.network((64, 10))
    spy = dataclasses.replace(net, parts=(dataclasses.replace(nn.linear, value=noting), net.parts[1]))
    nn.train(spy, data, rate=0.1, epochs=1, batch=50)
    batches = [x for x in seen if len(x) <= 50]
    assert [len(x) for x in batches] == [50, 50, 28]
    assert sorted(map(tuple, np.vstack(batches).tolist())) == sorted(map(tuple, data.train_x.tolist()))
    assert not np.array_equal(np.vstack(batches), data.train_x)


def test_a_run_that_leaves_the_numbers_stops_and_says_when(data: nn.Digits) -> None:
    """Warnings are errors in this suite, so silence is part of the claim."""
    run = nn.train(nn.network(SMALL), data, rate=1e30, epochs=50)
    assert run.diverged is not None
    assert run.diverged == run.epochs < 50
    assert not np.isfinite(run.loss[-1])
    assert np.isfinite(run.loss[:-1]).all()
    assert run.train_accuracy[-1] < 0.3


def test_decay_by_accuracy_follows_the_best_accuracy_so_far(data: nn.Digits) -> None:
    run = nn.train(nn.network(SMALL), data, rate=nn.ByAccuracy(0.5), epochs=60)
    best = np.maximum.accumulate(run.train_accuracy[:-1])
    np.testing.assert_allclose(run.rate, 0.5 * np.maximum(1 - best, 0.2), rtol=1e-15)
    assert run.rate[0] > 2 * run.rate[-1]


def test_labels_are_those_the_loss_wants(data: nn.Digits) -> None:
    one_hot, index = (
        nn.train(nn.network(SMALL, loss=loss), data, rate=0.1, epochs=3)
        for loss in (nn.cross_entropy_one_hot, nn.cross_entropy_index)
    )
    np.testing.assert_allclose(one_hot.loss, index.loss, rtol=1e-6)


def test_it_starts_where_it_is_told_and_in_that_type(data: nn.Digits) -> None:
    start = nn.initialise(SMALL, np.random.default_rng(5), scheme="normal", dtype="float32")
    run = nn.train(nn.network(SMALL), data, rate=0.1, epochs=2, init=start)
    assert all(a is b for a, b in zip(run.start, start, strict=True))
    assert {p.dtype.name for p in run.end} == {"float32"}
    drawn = nn.train(nn.network(SMALL), data, rate=0.1, epochs=0, init="normal", scale=0.1, seed=5)
    np.testing.assert_array_equal(drawn.start[0], start[0])
    assert drawn.epochs == 0


def test_progress_is_told_every_epoch(data: nn.Digits) -> None:
    told: list[tuple[int, int, float, float]] = []
    run = nn.train(nn.network(SMALL), data, rate=0.1, epochs=3, progress=lambda *now: told.append(now))
    assert [(epoch, epochs) for epoch, epochs, _, _ in told] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert [loss for _, _, loss, _ in told] == run.loss.tolist()
    assert [accuracy for _, _, _, accuracy in told] == run.train_accuracy.tolist()


@pytest.mark.parametrize(("epochs", "batch"), [(-1, None), (1, 0)])
def test_misuse_is_explained(data: nn.Digits, epochs: int, batch: int | None) -> None:
    with pytest.raises(Misuse, match=rf"epochs={epochs}, batch={batch}; write epochs >= 0 and batch >= 1"):
        nn.train(nn.network(SMALL), data, rate=0.1, epochs=epochs, batch=batch)
