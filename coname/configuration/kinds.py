"""What a configuration file is for.

Whoever names the wrong one is told so in one line, and not of everything that the right one would have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coname.errors import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

CLIENT, REPLICA, VERIFIER = "client", "replica", "verifier"

_SIGNS = {
    CLIENT: ("realms",),
    REPLICA: ("keyserver_config", "keyserverConfig"),
    VERIFIER: ("keyserver_addr", "keyserverAddr"),
}
"""The fields by which each is known: no other has them."""

_FOLDERS = {CLIENT: "client/", REPLICA: "replica1/", VERIFIER: "verifier1/"}


def check_kind(document: dict[str, Any], wanted: str, path: Path) -> None:
    """See that `document`, from the file `path`, is not the configuration of something else than `wanted`.

    :raises Misconfigured: it is.
    """
    if any(name in document for name in _SIGNS[wanted]):
        return
    for kind, names in _SIGNS.items():
        if any(name in document for name in names):
            raise Misconfigured(
                [
                    f"{path} is the configuration of a {kind}; a {wanted}'s is wanted, as `coname init` puts in "
                    f"{_FOLDERS[wanted]}"
                ]
            )
