"""The pytest plugin: options, the reports of suites from every worker, and a summary where any of them ran."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

MARKER = "gradverify: a law tested by gv.suite"
SLOWEST = 3  # tests named in the summary
Row = dict[str, Any]  # a verdict as plain data, with its test, outcome and seed


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--gv-profile``, ``--gv-seed`` and ``--gv-report``."""
    group = parser.getgroup("gradverify")
    group.addoption(
        "--gv-profile",
        choices=("quick", "ci", "thorough"),
        help="how hard gv.suite searches: one point of each kind; two, the same in every run; or twenty",
    )
    group.addoption("--gv-seed", type=_seed, metavar="N|random", help="the seed of gv.suite's points (default 0)")
    group.addoption("--gv-report", type=Path, metavar="FILE", help="write the verdicts of gv.suite's tests as JSON")


def _seed(text: str) -> int:
    """A whole number, or a fresh one for "random"."""
    if text == "random":
        import secrets

        return secrets.randbelow(2**31)
    if text.isascii() and text.isdigit():
        return int(text)
    raise TypeError


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and what collects the verdicts; settle the seed."""
    config.addinivalue_line("markers", MARKER)
    config.pluginmanager.register(Collected(), "gradverify-collected")
    if hasattr(config, "workerinput"):
        config.option.gv_seed = config.workerinput["gv_seed"]
    elif config.option.gv_seed is None and getattr(config.option, "hypothesis_seed", None):
        config.option.gv_seed = _number(config.option.hypothesis_seed)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Every worker is given the same seed, also a random one."""
    node.workerinput["gv_seed"] = node.config.option.gv_seed


def _number(text: str) -> int:
    """--hypothesis-seed, which may be any word, as a whole number."""
    return abs(int(text)) if text.lstrip("-").isdigit() else int.from_bytes(text.encode(), "big")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests of suites."""
    if hasattr(getattr(item, "obj", None), "gradverify"):
        item.add_marker("gradverify")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tell each suite which of its tests will run: only those laws are judged."""
    for item in session.items:
        whole = getattr(getattr(item, "obj", None), "gradverify", None)
        if whole is not None:
            whole.wanted.add(item.callspec.params["case"].name)  # type: ignore[attr-defined]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The verdict rides on the report as a plain dict, which workers can send."""
    report = yield
    if report.when == "call" and hasattr(item, "gradverify"):
        report.gradverify = item.gradverify  # type: ignore[attr-defined]
    return report


class Collected:
    """The verdicts of all reports, wherever they were made."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the verdict on a report."""
        told = getattr(report, "gradverify", None)
        if told is not None:
            (verdict,) = told["verdicts"]
            self.rows.append(
                {"test": report.nodeid, "outcome": report.outcome, "seed": told["seed"], **told["facts"], **verdict}
            )

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the file that was asked for, whole or not at all."""
        path = session.config.getoption("gv_report")
        if path is None or hasattr(session.config, "workerinput"):
            return
        rows = sorted(self.rows, key=lambda row: str(row["test"]))
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_text(json.dumps({"status": status(rows), "verdicts": rows}, indent=1, sort_keys=True) + "\n")
        os.replace(beside, path)

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        """A line for each subject, and the slowest laws; nothing where no suite ran."""
        if self.rows:
            terminalreporter.write_sep("=", "gradverify")
            for line in summary(self.rows, config.getoption("gv_profile") or "default"):
                terminalreporter.write_line(line)


def status(rows: list[Row]) -> str:
    """FAILS if a test failed whose verdict does, UNDECIDED if one failed for want of a verdict, else HOLDS."""
    failed = {row["status"] for row in rows if row["outcome"] == "failed"}
    return "FAILS" if failed - {"UNDECIDED"} else "UNDECIDED" if failed or not rows else "HOLDS"


def summary(rows: list[Row], profile: str) -> list[str]:
    """How many laws of how many subjects; what became of each subject; which laws took longest."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["subject"], row["test"].partition("[")[0].rpartition("::")[2]), []).append(row)
    names = [subject for subject, _ in groups]
    labels = [f"{s} ({test})" if names.count(s) > 1 else s for s, test in groups]
    seeds = ", ".join(sorted({str(row["seed"]) for row in rows}))
    laws = len({row["law"] for row in rows})
    size = f"{_several(len(rows), 'verdict')}: {_several(laws, 'law')} x {_several(len(groups), 'subject')}"
    lines = [f"{size} (profile {profile}, seed {seeds})"]
    for label, own in zip(labels, groups.values(), strict=True):
        count = {word: sum(row["status"] == word for row in own) for word in ("HOLDS", "FAILS", "UNDECIDED")}
        told = ", ".join(f"{n} {word.lower()}" for word, n in count.items() if n)
        decisive = f"{sum(row['decisive'] for row in own)} of {sum(row['trials'] for row in own)} trials decisive"
        seconds = sum(row["seconds"] for row in own)
        lines.append(f"{label:<{max(map(len, labels))}}  {told}; {decisive}; {seconds:.2f} s")
    slowest = sorted(rows, key=lambda row: -row["seconds"])[:SLOWEST]
    told = ", ".join(f"{row['subject']} {row['law']} {row['seconds']:.2f} s" for row in slowest)
    return [*lines, f"slowest: {told}"]


def _several(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"
