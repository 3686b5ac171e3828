"""The seed's claims about the learning rate, measured on a short run; and each measure shown to tell both ways."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradverify._errors import Misuse
from gradverify.experiments import Curve, LearningRate, learning_rate
from gradverify.experiments.learning_rate import FULL, SHORT
from gradverify.nn import Constant, History


@pytest.fixture(scope="module")
def short() -> LearningRate:
    return learning_rate(SHORT)


def test_all_curves_start_at_the_same_point_and_guess(short: LearningRate) -> None:
    assert {curve.history.loss[0] for curve in short.curves} == {short["adequate"].history.loss[0]}
    assert short["adequate"].history.loss[0] == pytest.approx(math.log(10), rel=0.02)


def test_the_low_rate_is_slow_and_nothing_else(short: LearningRate) -> None:
    low = short["too low"]
    assert low.reached is None
    assert low.rises.size == 0
    assert not low.broke_down
    assert low.history.loss[-1] < low.history.loss[0]
    assert low.outcome == "still learning"


def test_the_adequate_rate_peaks_and_then_falls(short: LearningRate) -> None:
    adequate = short["adequate"]
    assert adequate.reached is not None
    assert adequate.deepest_drop is not None
    drop, when = adequate.deepest_drop
    assert drop >= 0.2
    assert adequate.reached < when <= SHORT
    assert adequate.rises.size > 20


def test_the_high_rate_breaks_down(short: LearningRate) -> None:
    high = short["too high"]
    assert high.broke_down
    assert high.accuracy[-1] < 0.3
    assert high.rises.size > SHORT / 2


def test_decay_by_accuracy_removes_every_rise_and_is_slower(short: LearningRate) -> None:
    decayed, adequate = short["decayed by accuracy"], short["adequate"]
    assert decayed.rises.size == 0
    assert decayed.accuracy[-1] > 0.7
    assert decayed.history.rate[-1] < decayed.history.rate[0] / 3
    assert decayed.reached is None or decayed.reached > adequate.reached


def test_the_table_says_what_a_short_run_does_not_show(short: LearningRate) -> None:
    text = str(short)
    assert f"A short run, {SHORT} epochs of {FULL}; how each curve ends is not shown." in text
    assert "Not yet at 0.9: too low" in text
    for curve in short.curves:
        assert any(line.startswith(curve.name) and line.endswith(curve.outcome) for line in text.splitlines())
    assert not any("short run" in note for note in LearningRate(short.curves, FULL, 0).notes)


def test_the_data_are_plain_and_are_the_run(short: LearningRate) -> None:
    data = json.loads(json.dumps(short.to_json(), allow_nan=False))
    assert [curve["name"] for curve in data["curves"]] == [curve.name for curve in short.curves]
    assert data["curves"][1]["train_accuracy"] == short["adequate"].accuracy.tolist()
    assert data["curves"][2]["broke_down"] is True


def test_the_figure_is_a_png(short: LearningRate, tmp_path: Path) -> None:
    path = short.figure(tmp_path / "rate.png")
    assert path.read_bytes()[:4] == b"\x89PNG"
    assert path.stat().st_size > 30_000


def curve(loss: Any, accuracy: Any) -> Curve:
    """A curve with this loss and training accuracy."""
    loss, accuracy = np.array(loss, float), np.array(accuracy, float)
    one = np.ones((len(loss), 6))
    history = History(
        loss, accuracy, accuracy, np.full(len(loss) - 1, 0.1), one, one, one, (), (), 0,
        None if np.isfinite(loss[-1]) else len(loss) - 1,
    )  # fmt: skip
    return Curve("adequate", Constant(0.1), history)


@pytest.mark.parametrize(
    ("loss", "accuracy", "broken", "rises", "outcome"),
    [
        ([2.3, 2.2, 2.1], [0.1, 0.15, 0.2], False, [], "still learning"),  # a healthy slow run
        ([2.3, 2.2, 2.4], [0.1, 0.3, 0.1], True, [2], "broke down"),
        ([2.3, 2.2, 2.3], [0.1, 0.3, 0.1], False, [], "still learning"),  # 2.3 is within 1.05 of 2.2
        ([2.3, 0.2, 0.9, 0.1], [0.1, 0.92, 0.5, 0.95], False, [2], "learnt, fell and recovered"),
        ([2.3, 0.2, 0.9, 0.5], [0.1, 0.92, 0.5, 0.8], False, [2, 3], "learnt and fell"),
        ([2.3, 0.2, 0.3, 0.1], [0.1, 0.92, 0.85, 0.95], False, [2], "learnt"),
        ([2.3, 2.0, math.nan], [0.1, 0.2, 0.1], True, [2], "diverged after 2 epochs"),
        ([2.3, math.inf], [0.1, 0.1], True, [1], "diverged after 1 epochs"),
    ],
)
def test_outcomes(loss: Any, accuracy: Any, broken: bool, rises: list[int], outcome: str) -> None:
    run = curve(loss, accuracy)
    assert (run.broke_down, run.rises.tolist(), run.outcome) == (broken, rises, outcome)


def test_the_drop_counts_only_after_the_first_0_9() -> None:
    run = curve([2, 1, 1, 0.5, 0.4, 0.3], [0.1, 0.8, 0.2, 0.9, 0.7, 0.95])
    assert run.reached == 3
    assert run.deepest_drop == (pytest.approx(0.2), 4)


def test_a_diverged_run_is_drawn_and_written(tmp_path: Path) -> None:
    names = ("too low", "adequate", "too high", "decayed by accuracy")
    runs = tuple(Curve(n, Constant(0.1), curve([2.3, 2.0, math.nan], [0.1, 0.95, 0.1]).history) for n in names)
    result = LearningRate(runs, 2, 0)
    assert result.to_json()["curves"][0]["loss"] == [2.3, 2.0, None]
    assert "diverged after 2 epochs" in str(result)
    assert result.figure(tmp_path / "a.png").exists()


def test_progress_counts_over_all_curves() -> None:
    told: list[tuple[int, int]] = []
    learning_rate(2, progress=lambda epoch, epochs, loss, accuracy: told.append((epoch, epochs)))
    assert told == [(e, 8) for e in (0, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8)]


def test_no_epochs_are_refused() -> None:
    with pytest.raises(Misuse, match="learning_rate: epochs=0 leaves nothing to show; write 1 or more"):
        learning_rate(0)
