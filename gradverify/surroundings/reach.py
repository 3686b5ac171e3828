"""What a function reaches beside its arguments is found: the Holders of arrays, attributes, variables and generators.

From a function they are found through its closure, the globals that its code names and its defaults, and from an object
through its attributes and those of its class; partials, bound methods and wrappers are unwrapped. Libraries are not
entered. What iterators, threads, files and C code hold is not found, nor are read-only and memory-mapped arrays; arrays
and long containers only as long as they have ``ENTRIES`` entries together: a larger one is neither copied nor compared.
"""

from __future__ import annotations

import dis
import functools
import random
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import BuiltinMethodType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from gradverify.surroundings.holders import (
    ABSENT,
    LEAVES,
    LONG,
    Attributes,
    Draws,
    Entries,
    Holder,
    Items,
    Names,
    Variable,
    content,
    is_code,
)

ENTRIES = 2**20  # that are copied, in all
THINGS = 1000  # looked at, the nearest first
LIBRARIES = frozenset(
    {"numpy", "scipy", "torch", "jax", "jaxlib", "autograd", "numba", "pandas", "sklearn", "matplotlib"}
    | {"sympy", "mpmath", "flint", "ml_dtypes", "hypothesis", "pytest", "_pytest"}
)
OURS = __name__.partition(".")[0]
WRAPPERS = (MethodType, BuiltinMethodType, functools.partial, staticmethod, classmethod, property)
GENERATORS = (np.random.Generator, np.random.RandomState, np.random.BitGenerator)


def reached(roots: Iterable[Any]) -> list[Holder]:
    """The Holders that these functions and objects reach, the nearest first."""
    walk = _Walk()
    for root in roots:
        walk.follow("", root)
    walk.go()
    return walk.holders


class _Walk:
    """What was found so far, what is still to be looked at, and how many entries may still be copied."""

    def __init__(self) -> None:
        self.holders: list[Holder] = []
        self.seen: dict[int, Any] = {}  # holds what it has seen, so that an identity stays its own
        self.todo: deque[tuple[str, Any, int]] = deque()
        self.room = ENTRIES

    def go(self) -> None:
        while self.todo and len(self.seen) < THINGS:
            name, thing, group = self.todo.popleft()
            if id(thing) not in self.seen:
                self.seen[id(thing)] = thing
                with suppress(Exception):  # a user's object may refuse to be looked at, and then is not
                    self.look(name, thing, group or id(thing))

    def follow(self, name: str, thing: Any, group: int = 0) -> None:
        """Look at it later, if there can be anything in it; as part of a group, or by itself."""
        if not isinstance(thing, LEAVES):
            self.todo.append((name, thing, group))

    def fits(self, size: int) -> bool:
        """Is there room for a copy of so many entries?"""
        fitting = size <= self.room
        self.room -= size if fitting else 0
        return fitting

    def look(self, name: str, thing: Any, group: int) -> None:
        if isinstance(thing, np.ndarray):
            if thing.flags.writeable and not isinstance(thing, np.memmap) and self.fits(thing.size):
                self.holders.append(Entries(name or "an array", thing, group))
        elif isinstance(thing, GENERATORS) or type(thing) is random.Random:
            self.holders.append(Draws(name or "the generator", thing, group))
        elif isinstance(thing, FunctionType):
            self.function(thing)
        elif isinstance(thing, type):
            self.of_class(thing)
        elif isinstance(thing, dict):
            self.space(Names((name or "a dict") + '["{}"]', thing, group), len(thing))
        elif isinstance(thing, list | tuple | deque | set | frozenset | bytearray):
            if not isinstance(thing, tuple | frozenset) and self.fits(len(thing)):
                self.holders.append(Items(name or f"a {type(thing).__name__}", thing, group))
            for item in thing if len(thing) <= LONG else ():
                self.follow(name, item, group)
        elif isinstance(thing, WRAPPERS):
            self.wrapper(name, thing)
        elif "__wrapped__" in getattr(thing, "__dict__", {}):
            self.follow("", thing.__wrapped__)
        else:
            self.of_object(name or type(thing).__name__, thing)

    def wrapper(self, name: str, thing: Any) -> None:
        """A bound method, a partial or a descriptor: what is in it."""
        if isinstance(thing, functools.partial):
            self.follow("", thing.func)
            for part in (*thing.args, *thing.keywords.values()):
                self.follow(name, part)
        elif isinstance(thing, property):
            self.follow("", thing.fget)
        else:
            self.follow("", getattr(thing, "__func__", None))
            self.follow(name if isinstance(thing, BuiltinMethodType) else "", getattr(thing, "__self__", None))

    def space(self, names: Names, size: int) -> None:
        """A dict, and what is in it."""
        if not self.fits(size):
            return
        self.holders.append(names)
        for key, value in names.saved().items() if size <= LONG else ():
            self.follow(names.called(key), value, names.group)

    def function(self, f: FunctionType) -> None:
        """A function's closure, defaults, attributes and globals; of ours and of libraries', what they wrap."""
        cells = dict(zip(f.__code__.co_freevars, f.__closure__ or (), strict=True))
        if not is_users(f.__module__):
            ours = (f.__module__ or "").startswith(OURS)
            for held in map(content, cells.values()):
                if callable(held) or (ours and (isinstance(held, tuple) or is_users(type(held).__module__))):
                    self.follow("args" if isinstance(held, tuple) else "", held)
            return
        written = _written(f.__code__)
        for name, cell in cells.items():
            if name in written.variables:
                self.holders.append(Variable(name, cell, id(cell)))
            if content(cell) is not ABSENT:
                self.follow(name, content(cell))
        for default in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()):
            self.follow(f"a default of {f.__name__}", default)
        if f.__name__ in (*written.named, *cells) or f.__dict__:
            self.space(Names(f.__name__ + ".{}", f.__dict__, id(f)), len(f.__dict__))
        for name in written.assigned:
            self.holders.append(Names("{}", f.__globals__, id(f.__globals__) ^ hash(name), frozenset({name})))
        for name in written.named:
            value = f.__globals__.get(name, ABSENT)
            if isinstance(value, ModuleType):
                if is_users(value.__name__):
                    inside = frozenset(k for k in written.named if k in vars(value))
                    self.space(Names(f"{name}.{{}}", vars(value), id(value), inside), len(inside))
            elif value is not ABSENT:
                self.follow(name, value)

    def of_class(self, c: type) -> None:
        """A user's class: its attributes, and its methods' reach."""
        if not is_users(c.__module__):
            return
        self.holders.append(Attributes(c.__name__, c, id(c)))
        for name, value in vars(c).items():
            if name == "__call__" or not name.startswith("__"):
                self.follow(f"{c.__name__}.{name}", value, 0 if is_code(value) else id(c))
        for base in c.__bases__:
            self.follow("", base)

    def of_object(self, name: str, thing: Any) -> None:
        """An object's attributes, and its class's; of ours, the functions that it holds."""
        attributes = getattr(thing, "__dict__", None)
        if type(thing).__module__.startswith(OURS):
            for value in (attributes or {}).values():
                if callable(value):
                    self.follow("", value)
        elif is_users(type(thing).__module__):
            if isinstance(attributes, dict):
                self.space(Names(name + ".{}", attributes, id(thing)), len(attributes))
            slots = tuple(s for c in type(thing).__mro__ for s in _slots(c) if s not in ("__dict__", "__weakref__"))
            if slots:
                self.holders.append(Attributes(name, thing, id(thing), slots))
                for slot in slots:
                    self.follow(f"{name}.{slot}", getattr(thing, slot, None), id(thing))
            self.follow("", type(thing))


def is_users(module: str | None) -> bool:
    """Is a module of this name written by a user: neither a library's nor ours?"""
    root = (module or "").partition(".")[0]
    return root != OURS and root not in LIBRARIES and root not in sys.stdlib_module_names


def _slots(c: type) -> tuple[str, ...]:
    slots = c.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _nested(code: CodeType) -> Iterator[CodeType]:
    """The code, and that of the functions within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


@dataclass(frozen=True)
class _Written:
    """What the code of a function names and assigns, with that of the functions within it."""

    code: CodeType  # held, so that its identity stays its own
    named: tuple[str, ...]  # globals and attributes, in order
    variables: frozenset[str]  # of enclosing functions, that it assigns
    assigned: frozenset[str]  # globals that it assigns


_KNOWN: dict[int, _Written] = {}  # by identity: a code's hash is that of all its contents


def _written(code: CodeType) -> _Written:
    if id(code) not in _KNOWN:
        if len(_KNOWN) >= THINGS:
            _KNOWN.clear()
        parts = tuple(_nested(code))
        named = tuple(dict.fromkeys(name for part in parts for name in part.co_names))
        variables, assigned = (_operands(parts, kind) for kind in ("DEREF", "GLOBAL"))
        _KNOWN[id(code)] = _Written(code, named, variables, assigned)
    return _KNOWN[id(code)]


def _operands(parts: tuple[CodeType, ...], kind: str) -> frozenset[str]:
    """The names that instructions of this kind assign or delete."""
    kinds = {f"STORE_{kind}", f"DELETE_{kind}"}
    present = [part for part in parts if {dis.opmap[k] for k in kinds} & set(part.co_code[::2])]
    return frozenset(i.argval for part in present for i in dis.get_instructions(part) if i.opname in kinds)
