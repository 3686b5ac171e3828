"""Every test is repeatable and offline, and the formalities come first."""

from __future__ import annotations

import os
import random
import socket
import zlib
from collections.abc import Iterator
from typing import Any

import hypothesis
import numpy as np
import pytest

os.environ.setdefault("MPLBACKEND", "Agg")  # no test opens a window

# The same examples on every run, however slow the machine; a search that finds a fault prints how to repeat it.
hypothesis.settings.register_profile("repeatable", derandomize=True, database=None, deadline=None, print_blob=True)
hypothesis.settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the formalities to the front; the rest keeps its order."""
    items.sort(key=lambda item: item.path.name != "test_formalities.py")


def seed_of(item: pytest.Item) -> int:
    """The seed of a test is its name's."""
    return zlib.crc32(item.nodeid.encode())


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator of the test's own."""
    return np.random.default_rng(seed_of(request.node))


@pytest.fixture(autouse=True)
def _seeded(request: pytest.FixtureRequest) -> None:
    """Code under test that draws from the global generators draws the same numbers each time, in any order of tests."""
    random.seed(seed_of(request.node))
    np.random.seed(seed_of(request.node))  # noqa: NPY002 - this is the generator that legacy code draws from


@pytest.fixture(autouse=True, scope="session")
def _offline() -> Iterator[None]:
    """A test that reaches for the network fails; sockets within the machine's own file system are left alone."""
    connect, connect_ex, look_up = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def refuse(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            raise RuntimeError(
                f"a test tried to reach {address!r}; tests run without a network, ship the data instead."
            )
        connect(self, address)

    def refuse_ex(self: socket.socket, address: Any) -> int:
        refuse(self, address)
        return 0

    def refuse_look_up(host: Any, *rest: Any, **named: Any) -> Any:
        raise RuntimeError(f"a test looked up {host!r}; tests run without a network, ship the data instead.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket.socket, "connect_ex", refuse_ex)
        patch.setattr(socket, "getaddrinfo", refuse_look_up)
        yield
    assert (socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo) == (connect, connect_ex, look_up)
