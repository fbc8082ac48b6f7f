"""What replicas say to each other, and the bounds on it. Nothing else is read.

The bytes are those of Perspective Broker (Banana, dialect ``pb``), of which this uses one kind of expression: a call
without an answer, on the object ``root``, whose arguments are bytes and natural numbers below 2^64::

    ("message", number, "root", METHOD, 0, ("tuple", ARGUMENT…), ("dictionary"))

Each connection is one way: the replica that dialled sends its messages and transfers, the one that listened takes them.
So two replicas have two connections, one in each direction.

Rules:

- an expression is judged before anything is made of it: no object, reference, answer or error ever crosses;
- whatever is not in the tables below is refused, and ends the connection;
- an expression has no more levels, items or bytes than the protocol needs: Banana alone would take lists in lists
  without end, and lists of 640,000 strings of 640 KiB.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from twisted.spread.jelly import SecurityOptions

PROTOCOL = 1
"""The version of these tables, which both ends say first."""

PIECE_BYTES = 64 << 10
"""The largest argument. Small enough that a heartbeat waits for no more than a few of them; Banana's own bound is 640
KiB."""

BATCH_MESSAGES = 64
"""Messages that share one call: a call costs five times what a message in it does."""

MAX_MESSAGE_BYTES = 8 << 20
"""The largest message: twice the largest entry of the log. It goes in parts where it is over `PIECE_BYTES`; what is
larger goes as a transfer."""

METADATA_BYTES = 32 << 10
"""What may accompany a transfer: more than a membership of a hundred replicas takes."""

MAX_DEPTH = 2
"""Lists in lists: a call, and its arguments."""

MAX_ITEMS = BATCH_MESSAGES + 1

MAX_EXPRESSION_BYTES = 4 * PIECE_BYTES
"""A batch has at most two pieces' worth of messages, and what Banana adds."""

BROKER_VERSION = 6
"""Perspective Broker's own, which every broker says first."""

NUMBER_LIMIT = 2**64

MANY_BYTES = None
"""In place of the kinds of a method's arguments: any number of bytes."""

Methods = Mapping[bytes, tuple[type, ...] | None]

TO_LISTENER: Methods = {
    b"hello": (int, int, int),  # PROTOCOL, who speaks, to whom
    b"beat": (),
    b"receive": MANY_BYTES,  # messages, each whole
    b"part": (int, bytes),  # of a message: how many bytes of it are still to come after this, and the next bytes
    b"begin": (int, int, bytes, bytes),  # a transfer: its id, its size, its SHA-256, metadata
    b"chunk": (int, int, bytes),  # the transfer's id, the offset, the bytes there
    b"cancel": (int,),
    b"operate": (int,),  # PROTOCOL; in place of hello, by somebody who only asks
    b"ask": (bytes,),
}
"""What the one that dialled may say."""

TO_DIALLER: Methods = {
    b"welcome": (int,),  # PROTOCOL
    b"goodbye": (int,),  # a Reason
    b"beat": (),
    b"resume": (int, int),  # the transfer's id, the offset to go on from
    b"ack": (int, int),  # the transfer's id, the offset up to which it is written
    b"finished": (int,),
    b"failed": (int, int),  # the transfer's id, a TransferFailure
}
"""What the one that listened may say."""

TO_OPERATOR: Methods = {
    b"welcome": (int,),  # PROTOCOL
    b"goodbye": (int,),  # a Reason
    b"beat": (),
    b"answer": (bytes,),
}
"""The same, to somebody who only asks."""


class OnlyBytesAndNumbers(SecurityOptions):
    """For Twisted's jelly. Its own options let every name with a dot pass, and classes that are registered."""

    _ALLOWED = frozenset(
        {b"tuple", b"dictionary", b"builtins.tuple", b"builtins.dict", b"builtins.bytes", b"builtins.int"}
    )

    def isTypeAllowed(self, typeName: bytes | str) -> bool:
        """Only what a call consists of."""
        return (typeName.encode() if isinstance(typeName, str) else typeName) in self._ALLOWED


def breach(expression: object, methods: Methods) -> str:
    """What is wrong with an `expression` as Banana decoded it; empty if it may be acted upon.

    :param methods: what this end takes.
    """
    match expression:
        case [b"version", int(version)]:
            return "" if version == BROKER_VERSION else "another version of Perspective Broker"
        case [b"message", int(), b"root", bytes(method), 0, [b"tuple", *arguments], [b"dictionary"]]:
            if method not in methods:
                return "an unknown method"
            return "" if _fit(arguments, methods[method]) else f"the arguments of {method.decode()}"
    return "not a call"


def _fit(arguments: Sequence[object], kinds: tuple[type, ...] | None) -> bool:
    if kinds is None:
        return all(type(one) is bytes and len(one) <= PIECE_BYTES for one in arguments)
    if len(arguments) != len(kinds):
        return False
    return all(_of_kind(one, kind) for one, kind in zip(arguments, kinds, strict=True))


def _of_kind(argument: object, kind: type) -> bool:
    if isinstance(argument, int):
        return kind is int and 0 <= argument < NUMBER_LIMIT
    return isinstance(argument, bytes) and kind is bytes and len(argument) <= PIECE_BYTES
