"""A Holder is where a function keeps something beside its arguments: it gives a copy, and takes it back."""

from __future__ import annotations

import enum
import random
from collections.abc import Iterator
from dataclasses import dataclass
from types import CellType
from typing import Any, Protocol

import numpy as np

LONG = 1000  # elements: of a longer container none is looked into
LEAVES = (bool, int, float, complex, str, bytes, np.generic, type(None))
ABSENT = object()


class Change(enum.IntEnum):
    """What became of a copy: COUNTED are whole numbers that grew and lists that got longer, as counts of calls do."""

    NONE = 0
    COUNTED = 1
    MOVED = 2


class Holder(Protocol):
    """Where something is kept, by the name that its user knows it by; ``group`` is the object of which it is part."""

    @property
    def group(self) -> int:
        """An identity that is the same for what belongs together, as the attributes of one object do."""
        ...

    def saved(self) -> Any:
        """What is kept there now, as a copy."""
        ...

    def change(self, saved: Any) -> Change:
        """What became of it since it was saved."""
        ...

    def put_back(self, saved: Any) -> None:
        """Keep this there again, in the same array or container."""
        ...

    def leaves(self) -> Iterator[tuple[str, Any]]:
        """The numbers and words kept there, each by a name: what can be compared."""
        ...


@dataclass(frozen=True)
class Entries:
    """The entries of an array."""

    name: str
    array: np.ndarray
    group: int

    def saved(self) -> np.ndarray:
        return np.array(self.array, subok=False)

    def change(self, saved: np.ndarray) -> Change:
        return Change.NONE if frozen(self.array) == frozen(saved) else Change.MOVED

    def put_back(self, saved: np.ndarray) -> None:
        if self.array.flags.writeable and self.array.shape == saved.shape and self.array.dtype == saved.dtype:
            np.copyto(self.array.view(np.ndarray), saved)

    def leaves(self) -> Iterator[tuple[str, Any]]:
        if not self.array.dtype.hasobject:
            yield self.name, frozen(self.array)


@dataclass(frozen=True)
class Draws:
    """What a source of random numbers draws next."""

    name: str
    source: Any
    group: int

    def saved(self) -> Any:
        if isinstance(self.source, random.Random):
            return self.source.getstate()
        if isinstance(self.source, np.random.RandomState):
            return self.source.get_state()
        return getattr(self.source, "bit_generator", self.source).state

    def change(self, saved: Any) -> Change:
        return Change.NONE if frozen(self.saved()) == frozen(saved) else Change.MOVED

    def put_back(self, saved: Any) -> None:
        if isinstance(self.source, random.Random):
            self.source.setstate(saved)
        elif isinstance(self.source, np.random.RandomState):
            self.source.set_state(saved)
        else:
            getattr(self.source, "bit_generator", self.source).state = saved

    def leaves(self) -> Iterator[tuple[str, Any]]:
        yield self.name, frozen(self.saved())


@dataclass(frozen=True)
class Names:
    """The values of a dict (a user's, an object's attributes, a module's globals), or of these keys of it."""

    label: str  # how a key is called, with {} for it
    space: dict[Any, Any]
    group: int
    keys: frozenset[str] | None = None

    def saved(self) -> dict[Any, Any]:
        if self.keys is None:
            return dict(self.space)
        return {k: self.space[k] for k in self.keys if k in self.space}

    def change(self, saved: dict[Any, Any]) -> Change:
        return _changes(saved, self.saved())

    def put_back(self, saved: dict[Any, Any]) -> None:
        for key in self.saved().keys() - saved.keys():
            del self.space[key]
        for key, value in saved.items():
            if self.space.get(key, ABSENT) is not value:
                self.space[key] = value

    def leaves(self) -> Iterator[tuple[str, Any]]:
        yield from ((self.called(k), value) for k, v in self.saved().items() for value in _leaf(v))

    def called(self, key: Any) -> str:
        """The name of what is kept under this key; the dict's own where the key is no word."""
        return self.label.replace("{}", key) if isinstance(key, str) else self.label.split("{}")[0].rstrip('["')


@dataclass(frozen=True)
class Items:
    """The elements of a list, a deque, a bytearray or a set."""

    name: str
    items: Any
    group: int

    def saved(self) -> list[Any]:
        return list(self.items)

    def change(self, saved: list[Any]) -> Change:
        if isinstance(self.items, set):
            return Change(len(self.items) > len(saved)) if self.items.issuperset(saved) else Change.MOVED
        if len(self.items) < len(saved):
            return Change.MOVED
        kept = max((_change(old, new) for old, new in zip(saved, self.items, strict=False)), default=Change.NONE)
        return max(kept, Change(len(self.items) > len(saved)))

    def put_back(self, saved: list[Any]) -> None:
        if isinstance(self.items, list | bytearray):
            self.items[:] = saved
        else:
            self.items.clear()
            add = self.items.update if isinstance(self.items, set) else self.items.extend
            add(saved)

    def leaves(self) -> Iterator[tuple[str, Any]]:
        yield self.name, len(self.items)
        if not isinstance(self.items, set) and len(self.items) <= LONG:
            yield from ((self.name, value) for item in self.items for value in _leaf(item))


@dataclass(frozen=True)
class Variable:
    """A variable of an enclosing function that some inner function assigns."""

    name: str
    cell: CellType
    group: int

    def saved(self) -> Any:
        return content(self.cell)

    def change(self, saved: Any) -> Change:
        return _change(saved, content(self.cell))

    def put_back(self, saved: Any) -> None:
        if saved is ABSENT:
            del self.cell.cell_contents
        else:
            self.cell.cell_contents = saved

    def leaves(self) -> Iterator[tuple[str, Any]]:
        yield from ((self.name, value) for value in _leaf(content(self.cell)))


@dataclass(frozen=True)
class Attributes:
    """Attributes that stand in no dict of their own: those of a class, and the slots of an object."""

    name: str
    holder: Any
    group: int
    slots: tuple[str, ...] = ()

    def saved(self) -> dict[str, Any]:
        if isinstance(self.holder, type):
            return {k: v for k, v in vars(self.holder).items() if not (k.startswith("__") or is_code(v))}
        found = {k: getattr(self.holder, k, ABSENT) for k in self.slots}
        return {k: v for k, v in found.items() if v is not ABSENT}

    def change(self, saved: dict[str, Any]) -> Change:
        return _changes(saved, self.saved())

    def put_back(self, saved: dict[str, Any]) -> None:
        now = self.saved()
        for key in now.keys() - saved.keys():
            delattr(self.holder, key)
        for key, value in saved.items():
            if now.get(key, ABSENT) is not value:
                (type.__setattr__ if isinstance(self.holder, type) else object.__setattr__)(self.holder, key, value)

    def leaves(self) -> Iterator[tuple[str, Any]]:
        yield from ((f"{self.name}.{k}", value) for k, v in self.saved().items() for value in _leaf(v))


def frozen(state: Any) -> Any:
    """A value that is equal for the same state, bit for bit."""
    if isinstance(state, np.ndarray):
        return state.dtype.str, state.shape, hash(state.tobytes())
    if isinstance(state, dict):
        return tuple((k, frozen(v)) for k, v in state.items())
    return tuple(map(frozen, state)) if isinstance(state, tuple) else state


def content(cell: CellType) -> Any:
    """What an enclosing function's variable holds; ABSENT where it is not assigned yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return ABSENT


def is_code(value: Any) -> bool:
    """Is it a method, a property or another descriptor of a class?"""
    return hasattr(value, "__get__")


def _change(old: Any, new: Any) -> Change:
    """What became of a single value."""
    if old is new:
        return Change.NONE
    before = new if old is ABSENT else old
    if type(new) is int and type(before) is int and new >= before:
        return Change(new > before or old is ABSENT)
    return Change.MOVED


def _changes(old: dict[Any, Any], new: dict[Any, Any]) -> Change:
    """The greatest change of values that have names."""
    keys = old.keys() | new.keys()
    return max((_change(old.get(k, ABSENT), new.get(k, ABSENT)) for k in keys), default=Change.NONE)


def _leaf(value: Any) -> Iterator[str]:
    """A number or a word as text with all its digits; nothing for anything else."""
    if isinstance(value, LEAVES):
        yield f"{type(value).__name__} {value!r}"
