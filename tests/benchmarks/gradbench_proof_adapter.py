"""gradbench's problems, proved or refuted on symbols: the sibling of ``gradbench_adapter``, by the Method Proof.

Run from gradbench: ``python run_bench.py --tool gradverify --adapter PATH/gradbench_proof_adapter.py --split public
--protocol generate``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from adapters.base import Problem, Verdict

sys.path.insert(0, str(Path(__file__).parent))

from gradbench_adapter import GENERATED
from gradbench_adapter import GradVerify as Sampled


class GradVerify(Sampled):
    """One proof a problem: for all values of the sizes given, or at the shapes of its point."""

    def settings(self) -> str:
        """The settings that matter."""
        return "the derivative law by gradverify.Proof()"

    def check(self, problem: Problem, seed: int) -> Verdict:
        """Proved, refuted, or neither."""
        if all(a.kind in GENERATED for a in problem.args):
            sizes = {s: (least, most) for s, (_, least, most) in problem.sizes.items()}
            return self.judged(problem, {a.name: self.box(a) for a in problem.args}, seed, sizes)
        point = problem.points[0]
        given = {a.name: self.given(a, x) for a, x in zip(problem.args, point.inputs, strict=True)}
        return self.judged(problem, given, seed)

    def asked(self) -> dict[str, Any]:
        """What is asked of ``gradverify.check``."""
        import gradverify as gv

        return {"by": gv.Proof(), "laws": "pullback_is_the_derivative"}


TOOL = GradVerify
