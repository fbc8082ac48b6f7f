"""What to call whoever signs: by the names in the realm's configuration, which the user has pinned."""

from __future__ import annotations

from coname.messages.config_pb2 import RealmConfig


def signer_name(realm: RealmConfig, signer: int) -> str | None:
    """What the configuration calls the signer with that id, if anything.

    One key may be filed under several ids; the name of one of them will do.
    """
    names, keys = realm.signer_names, realm.verification_policy.public_keys
    if signer in names:
        return names[signer]
    if signer not in keys:
        return None
    same = (other for other in sorted(names) if other in keys and keys[other] == keys[signer])
    return next((names[other] for other in same), None)


def signer_words(realm: RealmConfig, signer: int) -> str:
    """The same for a sentence, always with the id; a signer without a name may be of the provider, or a verifier."""
    name = signer_name(realm, signer)
    return f"signer {signer}" if name is None else f"{name} ({signer})"
