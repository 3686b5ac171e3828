"""Figures are whole PNGs or none, labels do not overlap, and a missing matplotlib is explained."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gradverify._errors import Misuse
from gradverify.experiments import _canvas as draw

PNG = b"\x89PNG\r\n\x1a\n"


class Torn:
    """A figure whose saving is cut off half way."""

    def savefig(self, file: Any, **_: Any) -> None:
        file.write(PNG)
        raise KeyboardInterrupt


def test_a_png_is_written_and_its_folder_made(tmp_path: Path) -> None:
    figure, (panel,) = draw.canvas(size=(2, 2))
    panel.plot([1, 2])
    path = draw.save(figure, tmp_path / "new" / "a.png")
    assert path.read_bytes().startswith(PNG)
    assert [p.name for p in path.parent.iterdir()] == ["a.png"]


def test_an_interrupted_save_leaves_the_old_figure_and_no_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        draw.save(Torn(), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_another_ending_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match=r"a\.pdf' does not end in \.png; figures are saved as PNG, so write a\.png"):
        draw.save(Torn(), tmp_path / "sub" / "a.pdf")
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(Misuse, match=r"python -m pip install 'gradverify\[experiments\]'"):
        draw.canvas(size=(2, 2))


@pytest.mark.parametrize("heights", [[0.5, 0.5, 0.5], [0.02, 0.01, 0.9], [1.0, 0.99, 0.98, 0.1], [0.3]])
def test_labels_are_pushed_apart_in_their_order_and_kept_inside(heights: list[float]) -> None:
    least = 0.1
    placed = draw._apart(heights, least)
    ranked = sorted(zip(heights, placed, strict=True))
    assert all(b - a > 0.95 * least for (_, a), (_, b) in pairwise(ranked))
    assert min(placed) >= 0
    assert max(placed) <= 1


def test_labels_that_do_not_meet_stay_where_they_are() -> None:
    assert draw._apart([0.8, 0.2, 0.5], 0.1) == [0.8, 0.2, 0.5]


def test_a_logarithmic_axis_has_plain_ticks() -> None:
    _, (panel,) = draw.canvas(size=(3, 3))
    panel.plot([0.3, 4.0])
    draw.logarithmic(panel)
    assert [tick.get_text() for tick in panel.get_yticklabels()] == ["0.5", "1", "2"]
