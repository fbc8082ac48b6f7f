"""Plain dictionaries, read from JSON or TOML, become a message; every mistake is named with its path.

Rules:

- what protobuf's own JSON parsers accept is accepted: a field under its original or its lowerCamel name, integers as
  numbers or as text, bytes as base64 in both alphabets with or without padding, enum values by name or number, null for
  an absent field;
- nothing else is: a field of an unknown name is a mistake, with the name that was probably meant;
- all mistakes are collected, and what is right beside them is still filled in, so that later checks can go on.
"""

from __future__ import annotations

import base64
import difflib
import re
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from coname.configuration.findings import Findings

# As deep as protobuf's own parsers go. Quorums are the only messages that nest without end.
MAX_DEPTH = 100

_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_ENUM: (-(2**31), 2**31 - 1),
}
_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_SURROGATE = re.compile("[\ud800-\udfff]")


def fill(message: Message, document: Any, findings: Findings, depth: int = 1) -> None:
    """Set the fields of `message`, which is empty, from `document`; what is wrong goes to `findings`."""
    if not isinstance(document, dict):
        findings.unreadable(f"an object is expected, not {_shown(document)}")
    elif depth > MAX_DEPTH:
        findings.unreadable(f"nested more than {MAX_DEPTH} levels deep")
    else:
        _fill_fields(message, document, findings, depth)


def _fill_fields(message: Message, document: dict[str, Any], findings: Findings, depth: int) -> None:
    fields: dict[str, Any] = {field.json_name: field for field in message.DESCRIPTOR.fields}
    fields |= message.DESCRIPTOR.fields_by_name
    seen: dict[str, str] = {}  # the field, or the oneof that it belongs to -> the name it was given under
    for name, value in document.items():
        field = fields.get(name)
        if field is None:
            findings.at(name if name.isidentifier() else ascii(name)).unreadable(
                f"there is no such field{_suggestion(name, message)}"
            )
            continue
        if value is None:
            continue
        place = findings.at(field.name)
        alternatives = field.containing_oneof.full_name if field.containing_oneof else field.full_name
        if alternatives in seen:
            place.unreadable(f"given together with {seen[alternatives]}; only one of them can be")
            continue
        seen[alternatives] = name
        _fill_field(message, field, value, place, depth)


def _fill_field(message: Message, field: FieldDescriptor, value: Any, findings: Findings, depth: int) -> None:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        _fill_map(message, field, value, findings, depth)
    elif field.is_repeated:
        _fill_list(getattr(message, field.name), field, value, findings, depth)
    elif field.message_type is not None:
        child = getattr(message, field.name)
        child.SetInParent()
        fill(child, value, findings, depth + 1)
    else:
        _convert(field, value, findings, partial(setattr, message, field.name))


def _fill_list(target: Any, field: FieldDescriptor, value: Any, findings: Findings, depth: int) -> None:
    if not isinstance(value, list):
        findings.unreadable(f"a list is expected, not {_shown(value)}")
        return
    for number, element in enumerate(value):
        place = findings.at(number)
        if field.message_type is not None:
            fill(target.add(), element, place, depth + 1)
        else:
            _convert(field, element, place, target.append)


def _fill_map(message: Message, field: Any, value: Any, findings: Findings, depth: int) -> None:
    if not isinstance(value, dict):
        findings.unreadable(f"an object is expected, not {_shown(value)}")
        return
    target = getattr(message, field.name)
    key_field, value_field = (field.message_type.fields_by_name[name] for name in ("key", "value"))
    for name, element in value.items():
        place = findings.at_key(name)
        keys: list[Any] = []
        _convert(key_field, name, place, keys.append)
        if not keys:
            continue
        if keys[0] in target:
            place.unreadable("this key stands twice")
        elif value_field.message_type is not None:
            fill(target[keys[0]], element, place, depth + 1)
        else:
            _convert(value_field, element, place, partial(target.__setitem__, keys[0]))


def _convert(field: FieldDescriptor, value: Any, findings: Findings, store: Callable[[Any], object]) -> None:
    """Give `value` to `store` as what `field` holds, or say why it cannot be that."""
    try:
        store(_scalar(field, value))
    except ValueError as error:
        findings.unreadable(str(error))


def _scalar(field: FieldDescriptor, value: Any) -> Any:
    """`value` as Python's form of a `field` that is no message. :raises ValueError: it cannot be that."""
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _bytes(value)
    if field.type == FieldDescriptor.TYPE_STRING:
        return _text(value)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return _flag(value)
    if field.enum_type is not None:
        return _enum(field.enum_type, value)
    return _integer(value, *_INTEGERS[field.cpp_type])


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text is expected, not {_shown(value)}")
    if _SURROGATE.search(value):
        raise ValueError("the text holds half of a surrogate pair, which is no character")
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"true or false is expected, not {_shown(value)}")
    return value


def _bytes(value: Any) -> bytes:
    if not isinstance(value, str) or not _BASE64.fullmatch(value):
        raise ValueError(f"bytes in base64 are expected, not {_shown(value)}")
    digits = value.rstrip("=").replace("-", "+").replace("_", "/")
    if len(digits) % 4 == 1:
        raise ValueError("this base64 is cut off")
    return base64.b64decode(digits + "=" * (-len(digits) % 4))


def _integer(value: Any, least: int, greatest: int) -> int:
    numeric = _NUMBER.fullmatch(value) if isinstance(value, str) else type(value) in (int, float)
    number = Decimal(value) if numeric else Decimal("NaN")
    if not number.is_finite() or number != number.to_integral_value():
        raise ValueError(f"an integer is expected, not {_shown(value)}")
    if not least <= number <= greatest:
        raise ValueError(f"{_shown(value)} is out of range: {least} to {greatest}")
    return int(number)


def _enum(enum: EnumDescriptor, value: Any) -> int:
    if isinstance(value, str) and value in enum.values_by_name:
        return enum.values_by_name[value].number
    try:
        return _integer(value, *_INTEGERS[FieldDescriptor.CPPTYPE_ENUM])
    except ValueError:
        known = ", ".join(enum.values_by_name)
        raise ValueError(f"{_shown(value)} is none of {known}") from None


def _suggestion(name: str, message: Message) -> str:
    """The field that was probably meant, as the end of a sentence; nothing if none is close."""
    names = [field.name for field in message.DESCRIPTOR.fields]
    near = difflib.get_close_matches(name.lower(), [known.lower() for known in names], n=1, cutoff=0.6)
    if not near:
        return f"; known here: {', '.join(names)}"
    return f"; did you mean {next(known for known in names if known.lower() == near[0])}?"


def _shown(value: Any) -> str:
    """`value` for a message: its kind, and itself if it is short."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "null"
    if isinstance(value, int) and value.bit_length() > 128:
        return "a number of more than 128 bits"
    text = ascii(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else f"{text[:50]}… ({len(text)} characters)"
