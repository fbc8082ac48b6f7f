"""One test method for each case of a vector file, so that each is named, counted, and fails by itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from unittest import SkipTest

from tests.vectors import load

C = TypeVar("C", bound=type)


def each(cases: Iterable[Any], name: Callable[[Any], str] = lambda case: "") -> Callable[[C], C]:
    """Give the decorated test class a method for each of `cases`, which calls its ``check(case)``."""

    def decorate(cls: C) -> C:
        for number, case in enumerate(cases):
            words = re.sub(r"[^0-9A-Za-z]+", "_", f"{number:03} {name(case)}").strip("_")
            setattr(cls, f"test_{words}", lambda self, case=case: self.check(case))
        return cls

    return decorate


def each_vector(
    file: str, pick: Callable[[Any], Sequence[Any]] = lambda content: content, name: Callable[[Any], str] = lambda c: ""
) -> Callable[[C], C]:
    """`each` for the cases that `pick` finds in a vector file; without the file, one test that says so."""
    try:
        return each(pick(load(file)), name)
    except SkipTest as missing:
        reason = str(missing)

    def decorate(cls: C) -> C:
        def test_vectors(self: Any) -> None:
            raise SkipTest(reason)

        cls.test_vectors = test_vectors
        return cls

    return decorate
