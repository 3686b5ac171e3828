"""The smallest layer changes most, as the balance of a ReLU net predicts; measured on a short run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradverify._errors import Misuse
from gradverify.experiments import Layers, WeightAmplitude, weight_amplitude
from gradverify.experiments.weight_amplitude import FULL, SHORT, SHRUNK
from gradverify.nn import History


@pytest.fixture(scope="module")
def short() -> WeightAmplitude:
    return weight_amplitude(SHORT)


def test_the_net_has_learnt(short: WeightAmplitude) -> None:
    assert min(run.history.train_accuracy[-1] for run in (short.standard, short.shrunk)) > 0.9


def test_five_layers_stay_and_the_last_moves_most(short: WeightAmplitude) -> None:
    ratio = short.standard.amplitude_ratio[-1]
    assert np.max(np.abs(ratio[:5] - 1)) < 0.05
    assert ratio[5] > 1.1
    assert short.standard.amplitude_changes_most == short.standard.changes_most == short.standard.smallest == 6


def test_it_moves_most_because_it_is_smallest_not_because_it_is_last(short: WeightAmplitude) -> None:
    run = short.shrunk
    assert run.changes_most == run.amplitude_changes_most == run.smallest == SHRUNK == 3
    assert run.norm_ratio[-1, 2] - 1 > 2 * (run.norm_ratio[-1, 5] - 1)


def test_one_number_predicts_six_norms(short: WeightAmplitude) -> None:
    """Within 2 and 5 %, where predicting no change, or one common ratio, is off by far more."""
    assert short.standard.off_by_at_most < 0.02
    assert short.shrunk.off_by_at_most < 0.05
    for run, floor in ((short.standard, 0.1), (short.shrunk, 0.25)):
        ratio = run.norm_ratio[-1]
        assert np.max(np.abs(ratio - 1)) > floor
        assert np.max(np.abs(ratio / ratio.mean() - 1)) > 2 * run.off_by_at_most


def test_the_two_runs_differ_only_in_layer_3s_start(short: WeightAmplitude) -> None:
    for k, (a, b) in enumerate(zip(short.standard.history.start, short.shrunk.history.start, strict=True)):
        np.testing.assert_array_equal(b, a / 4 if k == 4 else a)


def layers(gains: Any) -> Layers:
    """A run of one epoch whose six layers, of norms 1 to 6, gain these squared norms."""
    start = np.arange(1.0, 7)
    norm = np.array([start, np.sqrt(start**2 + gains)])
    flat = np.zeros(2)
    return Layers("planted", History(flat, flat, flat, flat[:1], norm / 9, norm, 0 * norm, (), (), 0))


def test_equal_gains_are_predicted_exactly() -> None:
    run = layers(0.75)
    np.testing.assert_allclose(run.gain, [0, 0.75], atol=1e-14)
    assert run.off_by_at_most < 1e-14
    assert run.changes_most == run.smallest == 1


def test_unequal_gains_are_seen() -> None:
    """Layer 2 gains 5 instead of 0: its ratio is 1.5; G = 5/6 predicts sqrt(1 + 5/24)."""
    run = layers(np.array([0, 5, 0, 0, 0, 0]))
    assert run.changes_most == 2 != run.smallest
    assert run.off_by[1] == pytest.approx(1.5 / np.sqrt(1 + 5 / 24) - 1)
    assert run.off_by_at_most == pytest.approx(max(run.off_by))


def test_the_table_is_about_the_run_and_says_what_it_leaves_out(short: WeightAmplitude) -> None:
    text = str(short)
    assert "Layer 6 changes most; layer 6 starts smallest." in text
    assert "Layer 3 changes most; layer 3 starts smallest." in text
    assert f"A short run, {SHORT} epochs of {FULL}" in text
    assert "it predicts how they differ, not how much they gain" in text
    assert not any("short run" in n for n in WeightAmplitude(short.standard, short.shrunk, FULL, 0).notes)


def test_the_data_are_plain_and_are_the_run(short: WeightAmplitude) -> None:
    data = json.loads(json.dumps(short.to_json(), allow_nan=False))
    standard, shrunk = data["runs"]
    assert (standard["norm_changes_most_in_layer"], shrunk["norm_changes_most_in_layer"]) == (6, 3)
    np.testing.assert_array_equal(standard["norm_ratio"], short.standard.norm_ratio)


@pytest.mark.parametrize("said", [True, False])
def test_the_figure_claims_only_what_the_run_shows(
    short: WeightAmplitude, said: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Any] = []
    monkeypatch.setattr("gradverify.experiments._canvas.save", lambda figure, path: kept.append(figure) or path)
    shrunk = short.shrunk if said else layers(np.array([0, 5, 0, 0, 0, 0]))
    WeightAmplitude(short.standard, shrunk, SHORT, 0).figure(tmp_path / "a.png")
    assert kept[0].get_suptitle().startswith("The smallest layer changes most" if said else "The size of each layer")


def test_the_figure_is_a_png(short: WeightAmplitude, tmp_path: Path) -> None:
    path = short.figure(tmp_path / "amplitude.png")
    assert path.read_bytes()[:4] == b"\x89PNG"
    assert path.stat().st_size > 30_000


def test_progress_counts_over_both_runs() -> None:
    told: list[tuple[int, int]] = []
    weight_amplitude(1, progress=lambda epoch, epochs, loss, accuracy: told.append((epoch, epochs)))
    assert told == [(0, 2), (1, 2), (1, 2), (2, 2)]


def test_no_epochs_are_refused() -> None:
    with pytest.raises(Misuse, match="weight_amplitude: epochs=0 leaves nothing to show"):
        weight_amplitude(0)
