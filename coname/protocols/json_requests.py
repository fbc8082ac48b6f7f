"""Requests in protobuf's JSON (protocol section 1), from the bytes of a body to a message.

There are two ways, which agree wherever both give a message (the tests compare them):

- the plain way takes what nearly every client sends: the protocol's own field names, integers as numbers or digits,
  standard base64. It takes three to eight microseconds;
- the careful way is protobuf's own parser, which takes everything else that protobuf JSON allows (lowerCamel names,
  URL-safe base64, ``1e3``, null), four times as slowly, and says what is wrong and where.

Whatever the plain way does not know, it leaves to the careful one: it never refuses anything. Neither sees a body of
more parts than `coname.protocols.request_bounds` lets through.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from functools import partial
from json import JSONDecodeError, JSONDecoder
from typing import TYPE_CHECKING, Any, TypeVar

from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import Message

from coname.errors import InvalidRequest
from coname.messages.client_pb2 import (
    EmailProof,
    LookupRequest,
    PolicyChangesRequest,
    QuorumExpr,
    SignedEntryUpdate,
    UpdateRequest,
)
from coname.protocols.request_bounds import check_json, check_lookup, check_small

if TYPE_CHECKING:
    from collections.abc import Callable

RequestT = TypeVar("RequestT", bound=Message)
Object = dict[str, Any]

PLAIN_DEPTH = 16
"""Levels of a quorum that the plain way follows; deeper ones are the careful way's, which stops at 100."""

REASON_CHARACTERS = 500
"""How much of a parser's complaint is passed on: it may quote the body."""

PATH_NAMES = 8
"""How many levels of a path are named."""

_LEVEL = re.compile(r"Failed to parse (\S+) field: ")
_LOOKUP = {"epoch", "user_id", "quorum_requirement"}
_QUORUM = {"threshold", "candidates", "subexpressions"}
_UPDATE = {"update", "profile", "lookup_parameters", "email_proof"}
_SIGNED = {"new_entry", "signatures"}
_PROOF = {"dkim_proof", "oidc_token", "saml_response"}


def lookup_request(body: bytes) -> LookupRequest:
    """:raises InvalidRequest: `body` is not the JSON of a LookupRequest, and says where; or it is too large."""
    check_lookup(body)
    return _request(body, LookupRequest, _lookup)


def update_request(body: bytes) -> UpdateRequest:
    """:raises InvalidRequest: `body` is not the JSON of an UpdateRequest, and says where; or it is too large."""
    return _request(body, UpdateRequest, _update)


def policy_changes_request(body: bytes) -> PolicyChangesRequest:
    """:raises InvalidRequest: `body` is not the JSON of a PolicyChangesRequest, and says where; or it is too large."""
    check_small(body)
    return careful(body, PolicyChangesRequest)


def careful(body: bytes, kind: type[RequestT]) -> RequestT:
    """`body` as protobuf's own parser reads it.

    :raises InvalidRequest: it is not the JSON of `kind`; says where.
    """
    try:
        return Parse(body, kind())
    except (ParseError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(_reason(error, kind)) from error


def _request(body: bytes, kind: type[RequestT], plain: Callable[[Object], RequestT]) -> RequestT:
    check_json(body)
    try:
        return plain(_decode(body.decode()))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return careful(body, kind)


def _reason(error: Exception, kind: type[Message]) -> str:
    name = kind.DESCRIPTOR.name
    cause = error.__cause__
    if isinstance(cause, JSONDecodeError):
        return f"the body is not JSON: {cause.msg} at line {cause.lineno}, column {cause.colno}"
    if isinstance(error, UnicodeDecodeError):
        return f"the body is not UTF-8 at byte {error.start}"
    if isinstance(error, RecursionError) or isinstance(cause, RecursionError):
        return f"the body is not a {name}: it is nested too deeply"
    return f"the body is not a {name}: {_located(' '.join(str(error).split()))}"[:REASON_CHARACTERS]


def _located(complaint: str) -> str:
    """protobuf's `complaint`, in which each level prefixes the one below, with the path put together."""
    *levels, problem = _LEVEL.split(complaint)
    path = [name for name in levels if name]
    shown = path if len(path) <= PATH_NAMES else [*path[:PATH_NAMES], "…"]
    return f"{'.'.join(shown)}: {problem}" if path else problem


def _object(pairs: list[tuple[str, Any]]) -> Object:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a name occurs twice")
    return fields


_decode = JSONDecoder(object_pairs_hook=_object).decode


def _known(fields: Object, names: set[str]) -> Object:
    if not fields.keys() <= names:
        raise ValueError("a name that the plain way does not know")
    return fields


def _lookup(value: Object) -> LookupRequest:
    fields = _known(value, _LOOKUP)
    quorum = fields.get("quorum_requirement")
    return LookupRequest(
        epoch=_integer(fields.get("epoch", 0)),
        user_id=_text(fields.get("user_id", "")),
        quorum_requirement=None if quorum is None else _quorum(quorum),
    )


def _quorum(value: Object, depth: int = 0) -> QuorumExpr:
    if depth > PLAIN_DEPTH:
        raise ValueError("deeper than the plain way follows")
    fields = _known(value, _QUORUM)
    return QuorumExpr(
        threshold=_integer(fields.get("threshold", 0)),
        candidates=_each(_integer, fields.get("candidates", [])),
        subexpressions=_each(partial(_quorum, depth=depth + 1), fields.get("subexpressions", [])),
    )


def _update(value: Object) -> UpdateRequest:
    fields = _known(value, _UPDATE)
    update, lookup, proof = (fields.get(name) for name in ("update", "lookup_parameters", "email_proof"))
    return UpdateRequest(
        update=None if update is None else _signed(update),
        profile=_bytes(fields.get("profile", "")),
        lookup_parameters=None if lookup is None else _lookup(lookup),
        email_proof=None if proof is None else _proof(proof),
    )


def _signed(value: Object) -> SignedEntryUpdate:
    fields = _known(value, _SIGNED)
    signatures = fields.get("signatures", {})
    return SignedEntryUpdate(
        new_entry=_bytes(fields.get("new_entry", "")),
        signatures={_integer(signer): _bytes(signature) for signer, signature in signatures.items()},
    )


def _proof(value: Object) -> EmailProof:
    ((name, content),) = _known(value, _PROOF).items()
    proof = EmailProof()
    setattr(proof, name, _bytes(content) if name == "dkim_proof" else _text(content))
    return proof


ItemT = TypeVar("ItemT")


def _each(convert: Callable[[Any], ItemT], value: Any) -> list[ItemT]:
    if type(value) is not list:
        raise TypeError("not a list")
    return [convert(item) for item in value]


def _integer(value: Any) -> int:
    if type(value) is int:
        return value
    if type(value) is str and value.isascii() and value.isdigit():
        return int(value)
    raise TypeError("not a plain integer")


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("not a string")
    return value


def _bytes(value: Any) -> bytes:
    return a2b_base64(_text(value), strict_mode=True)
