"""What several servers answer to one question, and what is made of it: the one answer, or the one error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from coname.client.signers import LIST
from coname.client.transports.refusals import ServerFailed
from coname.errors import (
    ConameError,
    EpochUnknown,
    NotFound,
    ProofInvalid,
    QuorumUnmet,
    TimedOut,
    Unavailable,
    Unreachable,
)

T = TypeVar("T")

TELLING = (QuorumUnmet, EpochUnknown, ServerFailed, TimedOut, Unavailable, NotFound, Unreachable)
"""What a server may say where another one may say more, the most telling first."""

PASSED_STEPS = frozenset({"freshness", "signatures", "form"})
"""Where a verification fails at a server that is cut off from the others, or that is not a keyserver at all."""


@dataclass(frozen=True)
class Heard(Generic[T]):
    """An answer.

    :ivar passed: what came of those who were asked before, each in a sentence.
    """

    value: T
    passed: tuple[str, ...] = ()


class Asked(Generic[T]):
    """What came of one question so far.

    :ivar failures: what each server failed with, by name.
    :ivar oldish: the newest answer of a server that is behind, and how many epochs it is.
    """

    def __init__(self) -> None:
        self.failures: dict[str, ConameError] = {}
        self.oldish: tuple[int, T] | None = None
        self.sentences: list[str] = []

    def failed(self, server: str, error: ConameError) -> None:
        """`server` has failed with `error`."""
        self.failures[server] = error
        self.sentences.append(f"{server}: {_short(error)}")

    def behind(self, server: str, value: T, lag: int) -> None:
        """`server` has sent `value`, which is too old by `lag` epochs."""
        if self.oldish is None or lag < self.oldish[0]:
            self.oldish = lag, value
        self.sentences.append(f"{server} is {lag} epochs behind" if lag > 1 else f"{server} is an epoch behind")

    def newest(self) -> Heard[T]:
        """The newest of those that are too old. :raises ConameError: there is none: see `error`."""
        if self.oldish is None:
            raise self.error()
        _, value = self.oldish
        return Heard(value, tuple(self.sentences))

    def error(self) -> ConameError:
        """The most telling of what the servers failed with, and in it all the others."""
        ranked = sorted(self.failures.items(), key=lambda item: _rank(item[1]))
        name, error = ranked[0]
        if len(ranked) == 1:
            return error
        others = [f"{other}: {_short(each)}; " for other, each in ranked[1:]]
        message = f"{len(ranked)} servers were asked; {''.join(others)}{name}: {error}"
        return retold(error, message)


def retold(error: ConameError, message: str) -> ConameError:
    """`error` with another sentence."""
    return ProofInvalid(error.step, message) if isinstance(error, ProofInvalid) else type(error)(message)


def of_another(error: ConameError) -> bool:
    """Whether another server may know better."""
    if isinstance(error, ProofInvalid):
        return error.step in PASSED_STEPS
    return isinstance(error, TELLING)


def _rank(error: ConameError) -> int:
    return next((place for place, kind in enumerate(TELLING) if isinstance(error, kind)), -1)


def _short(error: ConameError) -> str:
    """An error among others: without how far each signer is."""
    return str(error).partition(LIST)[0]
