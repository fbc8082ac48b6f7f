"""XML from strangers, parsed so that what is seen is all there is.

No DTD, hence no entities; no comments and no processing instructions, which some programs read over and others stop at;
UTF-8 only; nothing is fetched. What a parser would mend or expand is refused instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from lxml import etree

from coname.core.text import quoted as shown
from coname.errors import RegistrationRefused

Element = Any
"""An element, of lxml."""

ASSERTION = "{urn:oasis:names:tc:SAML:2.0:assertion}"
PROTOCOL = "{urn:oasis:names:tc:SAML:2.0:protocol}"
METADATA = "{urn:oasis:names:tc:SAML:2.0:metadata}"
DSIG = "{http://www.w3.org/2000/09/xmldsig#}"

ELEMENTS = 1000
"""The most elements of a response; one with two hundred groups among its attributes has about five hundred."""

ATTRIBUTES, SPREAD = 30, 3
"""The most attributes of one element, and of all elements for each that there may be. Declarations of namespaces there
may be as many as elements: some providers make two for each value. What is canonicalised takes time in proportion to
the squares of both, and meanwhile nobody else is served."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z")


def parse(what: str, data: bytes, most_elements: int = ELEMENTS, *, comments: bool = False) -> Element:
    """The root of the document `data`.

    :param what: what to call it in an error.
    :param comments: read over comments and processing instructions, where nothing is verified over the same bytes.
    :raises RegistrationRefused: it is none, or holds what is refused here.
    """
    if b"<!DOCTYPE" in data:
        raise RegistrationRefused(f"{what} has a DTD, which is refused")
    _check_namespaces(what, data, most_elements)
    parser = etree.XMLParser(
        encoding="utf-8",  # whatever the document says of itself: so nothing hides from the line above
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=comments,
        remove_pis=comments,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise RegistrationRefused(f"{what} is not XML in UTF-8: {shown(str(error), 200)}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise RegistrationRefused(f"{what} has a DTD, which is refused")
    _check_nodes(what, root, most_elements)
    return root


def _check_namespaces(what: str, data: bytes, most: int) -> None:
    """As many as there may be elements. A text that only speaks of them counts too."""
    count = data.count(b"xmlns")
    if count > most:
        raise RegistrationRefused(f"{what} declares {count} namespaces; at most {most} are taken")


def _check_nodes(what: str, root: Element, most: int) -> None:
    count = attributes = 0
    for node in _all_nodes(root):
        if not isinstance(node.tag, str):
            raise RegistrationRefused(
                f"{what} holds a comment, a processing instruction or an entity, which are refused"
            )
        if len(node.attrib) > ATTRIBUTES:
            raise RegistrationRefused(
                f"{what} has an element with {len(node.attrib)} attributes; {ATTRIBUTES} are the most"
            )
        attributes += len(node.attrib)
        count += 1
    if attributes > SPREAD * most:
        raise RegistrationRefused(f"{what} has {attributes} attributes; at most {SPREAD * most} are taken")
    if count > most:
        raise RegistrationRefused(f"{what} has {count} elements; at most {most} are taken")


def _all_nodes(root: Element) -> Iterator[Element]:
    """All nodes, also those outside of the root element."""
    yield from root.itersiblings(preceding=True)
    yield from root.iter()
    yield from root.itersiblings()


def only(parent: Element, tag: str) -> Element:
    """The one child of that tag.

    :raises RegistrationRefused: there is none, or more than one.
    """
    found = parent.findall(tag)
    if len(found) != 1:
        raise RegistrationRefused(f"{local(parent.tag)} has {len(found)} {local(tag)} elements, not exactly one")
    return found[0]


def text(element: Element) -> str:
    """All that the element holds, without blanks around it.

    :raises RegistrationRefused: it holds other elements.
    """
    if len(element):
        raise RegistrationRefused(f"{local(element.tag)} holds other elements where a text is expected")
    return (element.text or "").strip()


def attribute(element: Element, name: str) -> str:
    """The attribute of that name.

    :raises RegistrationRefused: there is none.
    """
    found = element.get(name)
    if not found:
        raise RegistrationRefused(f"{local(element.tag)} has no {name}")
    return str(found)


def time(element: Element, name: str) -> float:
    """The time in the attribute of that name, in seconds since 1970.

    :raises RegistrationRefused: there is none, or it is not one in UTC.
    """
    found = attribute(element, name)
    try:
        if not _TIME.fullmatch(found):
            raise ValueError
        return datetime.fromisoformat(found).timestamp()
    except ValueError as error:
        raise RegistrationRefused(
            f"{local(element.tag)} has {name} {found[:40]!r}, which is not a time in UTC"
        ) from error


def quoted(text: str) -> str:
    """`text` as an attribute's value, with its quotes."""
    return f'"{escaped(text)}"'


def escaped(text: str) -> str:
    """`text` as it is written in XML."""
    for plain, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(plain, entity)
    return text


def local(tag: str) -> str:
    """A tag without its namespace."""
    return tag.rpartition("}")[2]
