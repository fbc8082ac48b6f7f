"""What to call whoever signs: by the names in the realm's configuration, which the user has pinned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from coname.errors import QuorumUnmet
from coname.messages.config_pb2 import RealmConfig


def signer_name(realm: RealmConfig, signer: int) -> str | None:
    """What the configuration calls the signer with that id, if anything.

    One key may be filed under several ids; the name of one of them will do. A replica that came later has none, and is
    called by its id.
    """
    names, keys = realm.signer_names, realm.verification_policy.public_keys
    if signer in names:
        return names[signer]
    if signer not in keys:
        return None
    same = (other for other in sorted(names) if other in keys and keys[other] == keys[signer])
    new = f"replica {signer}" if signer in realm.keyserver_auth.public_keys else None
    return next((names[other] for other in same), new)


def signer_words(realm: RealmConfig, signer: int) -> str:
    """The same for a sentence, always with the id; a signer without a name may be of the provider, or a verifier."""
    name = signer_name(realm, signer) or f"signer {signer}"
    return name if name.endswith(f" {signer}") else f"{name} ({signer})"


LIST = "; its signers: "
"""Where a server's refusal for want of signatures begins to tell how far each signer is, one after the other, each by
its id (`coname.keyserver.lookups`)."""


@contextmanager
def naming(realm: RealmConfig) -> Iterator[None]:
    """Servers say whose signatures are missing by the ids: put in what the configuration calls them."""
    try:
        yield
    except QuorumUnmet as error:
        what, listed, signers = str(error).partition(LIST)
        named = ", ".join(_named(realm, each) for each in signers.split(", "))
        raise QuorumUnmet(f"{what}{listed}{named}") from error


def _named(realm: RealmConfig, progress: str) -> str:
    """What a server says of one signer, with its name."""
    found = re.match(r"(\d{1,20})(?= )", progress)
    if found is None:
        return progress
    return signer_words(realm, int(found[1])) + progress[found.end() :]


def in_lines(message: str) -> str:
    """A refusal with each signer on a line of its own."""
    what, listed, signers = message.partition(LIST)
    return "\n  ".join([what + listed.rstrip(), *signers.split(", ")]) if listed else message
