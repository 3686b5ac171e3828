"""Every fault, on every operation of nn where it changes the answer, is found by ``check``."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

import gradverify as gv
from gradverify import nn
from gradverify.faults import FAULTS, fault

# What it takes for a fault to change an answer that no single call shows.
ALWAYS = {"writes into the cotangent", "writes into an input", "the first answer is kept", "random"}
POINTS = gv.Sampling(points=4, smallest=False)


def trials(subject):
    return POINTS.trials(subject, 0)


def changes(mutant, subject) -> bool:
    """Does some answer at the points tried differ by more than rounding, or in shape or type?"""
    for trial in trials(subject):
        v = trial.draw(0, subject.domain.smooth).v
        try:
            right, wrong = subject.pullback(trial.x, v), mutant.pullback(trial.x, v)
        except Exception:
            return True
        for a, b in zip(right, wrong, strict=True):
            if a.shape != b.shape or a.dtype != b.dtype:
                return True
            scale = np.abs(a.astype(float)).max(initial=0.0)
            seen = 2e-2 if a.dtype == np.float16 else 2e-5 if a.dtype == np.float32 else 1e-8
            if a.size and not np.all(np.abs(a.astype(float) - b.astype(float)) <= seen * scale):
                return True
    return False


@pytest.mark.parametrize("planted", FAULTS, ids=lambda f: f.name)
def test_a_fault_is_found_on_every_operation_whose_answer_it_changes(planted):
    found, unchanged, missed = [], [], []
    for op in nn.OPS:
        mutant = planted.apply(op)
        if planted.name not in ALWAYS and not changes(planted.apply(op), op):
            unchanged.append(op.name)
            continue
        report = gv.check(mutant, by=POINTS)
        (found if report.status == "FAILS" else missed).append(op.name)
    assert missed == []
    assert len(found) >= 5, unchanged


def test_faults_have_names_of_their_own_and_an_unknown_one_is_misuse():
    assert len({f.name for f in FAULTS}) == len(FAULTS)
    with pytest.raises(gv.Misuse, match=r"fault\('gone'\) is not known; choose one of: the sign is wrong;"):
        fault("gone")
    assert zlib.crc32(FAULTS[0].name.encode()) == zlib.crc32(fault(FAULTS[0].name).name.encode())
