"""One look for every figure, and a PNG that is either whole or not there (only home of matplotlib)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradverify._errors import Misuse

# Okabe & Ito, Color Universal Design (2008): told apart by colour-blind readers too
BLUE, GREEN, RED, PURPLE, ORANGE, SKY = "#0072B2", "#009E73", "#D55E00", "#AA4488", "#E69F00", "#56B4E9"
INK, FAINT = "#222222", "#8A8A8A"


def canvas(rows: int = 1, columns: int = 1, *, size: tuple[float, float], **axes: Any) -> tuple[Any, list[Any]]:
    """A figure of rows x columns panels and the panels in reading order; no window, no global state."""
    try:
        from matplotlib.figure import Figure
    except ImportError as missing:
        raise Misuse(
            "figure: matplotlib, which draws it, is not installed; run python -m pip install 'gradverify[experiments]'."
        ) from missing
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    panels = list(figure.subplots(rows, columns, squeeze=False, **axes).flat)
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.spines[["left", "bottom"]].set_color(FAINT)
        panel.tick_params(colors=INK, labelsize=9, length=3)
        panel.grid(axis="y", color="#E8E8E8", linewidth=0.8)
        panel.set_axisbelow(True)
    return figure, panels


def caption(panel: Any, title: str, *, x: str = "", y: str = "") -> None:
    """A title at the left, and what the axes mean."""
    panel.set_title(title, loc="left", fontsize=10.5, color=INK)
    panel.set_xlabel(x, fontsize=9.5, color=INK)
    panel.set_ylabel(y, fontsize=9.5, color=INK)


def logarithmic(panel: Any) -> None:
    """A logarithmic height with ticks at 1, 2 and 5 in every decade that is drawn, written plainly."""
    panel.set_yscale("log")
    low, high = panel.get_ylim()
    ticks = [step * 10.0**power for power in range(-9, 10) for step in (1, 2, 5)]
    shown = [tick for tick in ticks if low <= tick <= high]
    panel.set_yticks(shown, [f"{tick:g}" for tick in shown])
    panel.minorticks_off()
    panel.set_ylim(low, high)


def label_ends(panel: Any, labels: Sequence[tuple[float, str, str]], *, lines: int = 1) -> None:
    """Write (height, text, colour) to the right of the panel, each at its curve's end, pushed apart where they meet.

    Call it when the limits are final: heights are data, the least distance is ``lines`` lines of text.
    """
    transform = panel.transData
    box = panel.get_window_extent()
    line = lines * 9 * 1.25 * panel.figure.dpi / 72 / box.height
    at = {text: (transform.transform((0, height))[1] - box.y0) / box.height for height, text, _ in labels}
    for (_, text, colour), where in zip(labels, _apart([at[text] for _, text, _ in labels], line), strict=True):
        panel.annotate(
            text, (1.015, where), xycoords="axes fraction", va="center", fontsize=9, color=colour, annotation_clip=False
        )


def _apart(heights: Sequence[float], least: float) -> list[float]:
    """The heights moved about as little as need be, so that neighbours are ``least`` apart and stay in [0, 1]."""
    order = sorted(range(len(heights)), key=lambda k: heights[k])
    out = [heights[k] for k in order]
    for _ in range(200):
        out[0], out[-1] = max(out[0], least / 2), min(out[-1], 1 - least / 2)
        for lower in range(len(out) - 1):
            overlap = least - (out[lower + 1] - out[lower])
            if overlap > 0:
                out[lower], out[lower + 1] = out[lower] - overlap / 2, out[lower + 1] + overlap / 2
    placed = dict(zip(order, out, strict=True))
    return [placed[k] for k in range(len(heights))]


def save(figure: Any, path: str | Path) -> Path:
    """The PNG at ``path``, its folder made if need be; an interrupted save leaves what was there before."""
    target = Path(path)
    if target.suffix.lower() != ".png":
        raise Misuse(
            f"figure: {str(path)!r} does not end in .png; figures are saved as PNG, so write {target.stem}.png."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}-", suffix=".png")
    try:
        with os.fdopen(handle, "wb") as file:
            figure.savefig(file, format="png", dpi=150, metadata={"Software": None})
        Path(name).chmod(0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target
