"""gradbench's problems, handed to ``gradverify.check`` and translated back: a translation only.

Run from gradbench: ``python run_bench.py --tool gradverify --adapter PATH/gradbench_adapter.py --split public``.
Labels are generated hard and soft, as gradbench's regimes have them. Kinks, reach and rowwise are not passed on;
UNDECIDED counts as "unsupported" (no verdict).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from adapters.base import Adapter, Problem, Verdict, fresh

KINDS = {"real": "real", "spd": "positive-definite", "simplex": "simplex", "lower": "real"}
KINDS |= {"onehot": "simplex", "binary": "real", "sign": "sign", "index": "index", "mask": "mask"}
# A kind of cause, in gradbench's words for it; where gradbench tells more apart, one of the same group.
CAUSES = {
    "sign": "sign",
    "factor": "factor",
    "count": "off_by_one",
    "slight": "rel_1e-5",
    "first": "batch1_only",
    "dropped": "zero_grad",
    "term": "missing_term",
    "formula": "wrong_operand",
    "transposed": "transposed",
    "moved": "permuted",
    "mixed": "batch_leakage",
    "broadcast": "broadcast_sum",
    "shape": "wrong_shape",
    "layout": "layout",
    "entry": "rare_entry",
    "edge": "padding_edge",
    "place": "off_by_one",
    "part": "padding_edge",
    "duplicates": "duplicate_index",
    "cotangent": "cotangent_nonlinear",
    "mask": "kink_mask",
    "branch": "negative_branch",
    "ties": "ties",
    "labels": "soft_labels",
    "range": "large_x",
    "precision": "float32_only",
    "type": "dtype",
    "written": "mutates",
    "state": "stale_state",
    "random": "nondeterministic",
}
GENERATED = ("real", "spd", "simplex", "onehot", "binary", "sign", "index", "mask")


class GradVerify(Adapter):
    """The checker, one call a point; where inputs may be made up, one more with Boxes."""

    mode = "problem"

    def available(self) -> str:
        """Nothing, or why it cannot run here."""
        try:
            import gradverify  # noqa: F401
        except ImportError:
            return "gradverify is not installed"
        return ""

    def settings(self) -> str:
        """The settings that matter."""
        return "the defaults of gradverify.check"

    def check(self, problem: Problem, seed: int) -> Verdict:
        """The first point that fails, or holds only if all do."""
        verdicts = []
        for point in problem.points:
            inputs = {a.name: self.given(a, x) for a, x in zip(problem.args, fresh(point.inputs), strict=True)}
            verdicts.append(self.judged(problem, inputs, seed))
            if verdicts[-1].status == "flag":
                return verdicts[-1]
        if problem.generate and all(a.kind in GENERATED for a in problem.args):
            sizes = {s: (least, most) for s, (_, least, most) in problem.sizes.items()}
            boxes = {a.name: self.box(a) for a in problem.args}
            verdicts.append(self.judged(problem, boxes, seed, sizes))
        undecided = [v for v in verdicts if v.status != "pass"]
        return next((v for v in undecided if v.status == "flag"), undecided[0] if undecided else verdicts[0])

    def given(self, arg: Any, x: np.ndarray) -> Any:
        """An input at exactly this array, within its open bounds, of its kind."""
        import gradverify as gv

        if not arg.diff or x.dtype.kind != "f":
            return x
        return gv.At(x, low=arg.low, high=arg.high, kind=KINDS[arg.kind])

    def box(self, arg: Any) -> Any:
        """An input to generate."""
        import gradverify as gv

        if arg.kind == "index":
            return gv.Box(arg.shape, kind="index", high=arg.bound)
        low, high = (0.0, 1.0) if arg.kind == "binary" else (arg.low, arg.high)
        return gv.Box(arg.shape, low=low, high=high, kind=KINDS[arg.kind])

    def judged(self, problem: Problem, inputs: dict[str, Any], seed: int, sizes: Any = None) -> Verdict:
        """One check, in gradbench's words."""
        import gradverify as gv

        report = gv.check(problem.forward, vjp=problem.backward, inputs=tuple(inputs.values()), sizes=sizes, seed=seed)
        if report.status == "HOLDS":
            return Verdict("pass")
        if report.status == "UNDECIDED":
            return Verdict("unsupported", next(v.reason for v in report.verdicts if v.reason))
        found = report.findings[0]
        names = [f"x{k}" for k in range(len(problem.args))]
        arg = names.index(found.argument) if found.argument in names else None
        entries = ((arg, found.index),) if arg is not None and found.index is not None else ()
        return Verdict(
            "flag",
            str(report)[:300],
            arg,
            entries,
            CAUSES.get(found.kind, ""),
            inputs=found.inputs or None,
            cotangent=next(iter(found.cotangent), None),
        )
