"""The OpenAPI description of the HTTPS front, which the front itself serves.

The messages' schemas are made from their descriptors, so that they cannot differ from what is read and written. They
describe what the front writes, and of what it reads the plain form: protobuf's JSON also takes lowerCamel names,
integers as numbers and URL-safe base64. The tests compare real answers with this description.
"""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor

from coname import __version__
from coname.errors import (
    ConameError,
    Corrupt,
    EpochUnknown,
    InvalidRequest,
    NotCanonical,
    NotPermitted,
    Overloaded,
    QuorumUnmet,
    RegistrationExpired,
    RegistrationNeeded,
    RegistrationRefused,
    RegistrationReplayed,
    TimedOut,
    TooLarge,
    Unavailable,
    UpdateInvalid,
)
from coname.messages.client_pb2 import LookupProof, LookupRequest, PolicyChanges, PolicyChangesRequest, UpdateRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

Schema = dict[str, Any]
Descriptor = Any  # of a message; protobuf has a class of its own for each of its engines, which share only the shape
Field = Any  # likewise, of a field

_ADMISSION = (InvalidRequest, TooLarge, NotCanonical)
_LOOKUP_ERRORS = (*_ADMISSION, QuorumUnmet, EpochUnknown, Unavailable, Corrupt, ConameError)
_UPDATE_ERRORS = (
    *(*_ADMISSION, UpdateInvalid, QuorumUnmet, NotPermitted),
    *(RegistrationRefused, RegistrationNeeded, RegistrationReplayed, RegistrationExpired),
    *(Unavailable, Overloaded, TimedOut, Corrupt, ConameError),
)
_CHANGES_ERRORS = (InvalidRequest, TooLarge, Unavailable, Corrupt, ConameError)
_OF_HTTP = {"408": ("request_timeout",), "413": ("too_large",), "431": ("headers_too_large",)}

_UINT64: Schema = {"type": "string", "pattern": "^[0-9]{1,20}$"}
_UINT32: Schema = {"type": "integer", "minimum": 0, "maximum": 2**32 - 1}
_BYTES: Schema = {"type": "string", "contentEncoding": "base64"}
_SCALARS: dict[int, Schema] = {
    FieldDescriptor.TYPE_UINT64: _UINT64,
    FieldDescriptor.TYPE_FIXED64: _UINT64,
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_BYTES: _BYTES,
}


def description() -> bytes:
    """The description, as JSON."""
    return dumps(document(), indent=1).encode()


def document() -> Schema:
    """The description: OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "coname",
            "version": __version__,
            "description": "A directory of keys that proves every answer. Nothing in an answer is to be believed "
            "before its proof has been verified under a pinned realm configuration.",
        },
        "paths": {
            "/lookup": {"post": _call("lookup", "Look an address up", LookupRequest.DESCRIPTOR, _LOOKUP_ERRORS)},
            "/update": {"post": _call("update", "Register or change keys", UpdateRequest.DESCRIPTOR, _UPDATE_ERRORS)},
            "/policy_changes": {"post": _policy_changes()},
            "/registration": {"get": _registration()},
            "/status": _rotation("status"),
            "/lb": _rotation("loadBalancer"),
            "/realm.json": {"get": _realm()},
            "/openapi.json": {"get": _itself()},
        },
        "components": {"schemas": _schemas()},
    }


def _policy_changes() -> Schema:
    call = _call("policyChanges", "Which epochs changed who ratifies", PolicyChangesRequest.DESCRIPTOR, _CHANGES_ERRORS)
    answer = {"description": "Their heads, as signed.", "content": _json(_reference("PolicyChanges"))}
    return {**call, "responses": {**call["responses"], "200": answer}}


def _registration() -> Schema:
    way: Schema = {
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"type": "string", "description": "The kind of proof."}},
        "additionalProperties": {"type": "string"},
    }
    answer: Schema = {
        "type": "object",
        "required": ["anybody", "proofs"],
        "properties": {
            "anybody": {"type": "boolean", "description": "No proof is asked for."},
            "proofs": {"type": "array", "items": way, "description": "Each way to prove an address."},
        },
        "additionalProperties": False,
    }
    return {
        "operationId": "registration",
        "summary": "How addresses of a domain are registered",
        "parameters": [{"name": "domain", "in": "query", "required": True, "schema": {"type": "string"}}],
        "responses": {
            "200": {"description": "The ways.", "content": _json(answer)},
            "400": _error_response([InvalidRequest.code]),
        },
    }


def _call(name: str, summary: str, request: Descriptor, errors: Sequence[type[ConameError]]) -> Schema:
    body = {"required": True, "content": _json(_reference(request.name))}
    answer = {"description": "The proof.", "content": _json(_reference("LookupProof"))}
    return {
        "operationId": name,
        "summary": summary,
        "requestBody": body,
        "responses": {"200": answer, **_error_responses(errors)},
    }


def _error_responses(errors: Sequence[type[ConameError]]) -> Schema:
    codes: dict[str, list[str]] = {status: list(names) for status, names in _OF_HTTP.items()}
    for error in errors:
        codes.setdefault(str(error.http_status), []).append(error.code)
    return {status: _error_response(names) for status, names in sorted(codes.items())}


def _error_response(codes: Sequence[str]) -> Schema:
    listed = {"properties": {"error": {"properties": {"code": {"enum": list(codes)}}}}}
    schema = {"allOf": [_reference("Error"), listed]}
    return {"description": f"Refused: {', '.join(codes)}.", "content": _json(schema)}


def _rotation(name: str) -> Schema:
    get = {
        "operationId": name,
        "summary": "Whether requests should be sent here",
        "responses": {
            "200": {
                "description": "This replica is in rotation.",
                "content": {"text/plain; charset=utf-8": {"schema": {"const": "OK"}}},
            },
            "404": _error_response(["out_of_rotation"]),
        },
    }
    head = {
        "operationId": f"{name}Head",
        "summary": "The same, without a body",
        "responses": {"200": {"description": "In rotation."}, "404": {"description": "Out of rotation."}},
    }
    return {"get": get, "head": head}


def _realm() -> Schema:
    answer = {
        "description": "A client's configuration of this realm, for the page.",
        "content": _json({"type": "object"}),
    }
    return {"operationId": "realm", "summary": "Who has to sign, as this server says", "responses": {"200": answer}}


def _itself() -> Schema:
    answer = {"description": "This description.", "content": _json({"type": "object"})}
    return {"operationId": "description", "summary": "Describe this interface", "responses": {"200": answer}}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _schemas() -> dict[str, Schema]:
    """The schema of each message that a request or an answer holds, and of errors."""
    found: dict[str, Schema] = {"Error": _error()}
    waiting: list[Descriptor] = [
        *(LookupRequest.DESCRIPTOR, UpdateRequest.DESCRIPTOR, PolicyChangesRequest.DESCRIPTOR),
        *(LookupProof.DESCRIPTOR, PolicyChanges.DESCRIPTOR),
    ]
    while waiting:
        message = waiting.pop()
        if message.name not in found:
            found[message.name] = _message(message)
            waiting += [field.message_type for field in message.fields if _is_message(field)]
    return dict(sorted(found.items()))


def _message(message: Descriptor) -> Schema:
    properties = {field.name: _field(field) for field in message.fields}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _field(field: Field) -> Schema:
    if _is_map(field):
        value = _value(field.message_type.fields_by_name["value"])
        return {"type": "object", "propertyNames": {"pattern": _UINT64["pattern"]}, "additionalProperties": value}
    return {"type": "array", "items": _value(field)} if field.is_repeated else _value(field)


def _value(field: Field) -> Schema:
    return _reference(field.message_type.name) if field.message_type else _SCALARS[field.type]


def _is_map(field: Field) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _is_message(field: Field) -> bool:
    return field.message_type is not None and not _is_map(field)


def _error() -> Schema:
    properties = {
        "code": {"type": "string", "pattern": "^[a-z_]+$", "description": "Stable, for programs."},
        "message": {"type": "string", "description": "A sentence, for people."},
    }
    error = {"type": "object", "required": ["code", "message"], "properties": properties}
    return {"type": "object", "required": ["error"], "properties": {"error": error}, "additionalProperties": False}
