"""Reading the messages that a database's records are."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from coname.errors import Corrupt

AnyMessage = TypeVar("AnyMessage", bound=Message)


def decode(kind: type[AnyMessage], data: bytes, what: str) -> AnyMessage:
    """`data` as a message.

    :raises Corrupt: it is none; the message names `what`.
    """
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise Corrupt(f"the stored {what} does not decode: {error}") from error
