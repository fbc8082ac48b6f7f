"""Checks of KeyserverConfig's list of verifiers: whose ratifications the realm takes, and under which keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.configuration.check_realm import check_public_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coname.configuration.findings import Findings
    from coname.messages import config_pb2 as pb
    from coname.messages.client_pb2 import AuthorizationPolicy

MOST_KEYS = 16
"""Of one verifier: each signature is tried under all of them."""


def check_verifiers(
    config: pb.KeyserverConfig, replicas: AuthorizationPolicy | None, findings: Findings
) -> Mapping[int, Sequence[bytes]]:
    """The public keys of each verifier, by its id; mistakes go to `findings`.

    :param replicas: the replicas' own policy; None if that had mistakes.
    :param findings: those of the whole KeyserverConfig.
    """
    found: dict[int, list[bytes]] = {}
    keys: dict[bytes, str] = {}
    taken = {key.ed25519: "a replica" for key in replicas.public_keys.values()} if replicas else {}
    for number, verifier in enumerate(config.verifiers):
        place = findings.at("verifiers").at(number)
        _check_id(verifier.id, found, replicas, place.at("id"))
        found.setdefault(verifier.id, []).extend(_check_keys(verifier, keys, taken, place.at("public_keys")))
    for verifier_id, public in found.items():
        _check_policy(verifier_id, public, config.verification_policy, findings.at("verification_policy"))
    return found


def _check_id(
    verifier: int, known: Mapping[int, Sequence[bytes]], replicas: AuthorizationPolicy | None, findings: Findings
) -> None:
    if not verifier:
        findings.mistake("missing: the id that the verifier's signatures are filed under")
    elif verifier in known:
        findings.mistake(f"{verifier} stands in this list already; one verifier may have several public_keys")
    elif replicas and verifier in replicas.public_keys:
        findings.mistake(f"{verifier} is the id of a replica's key; a verifier signs under an id of its own")


def _check_keys(
    verifier: pb.Verifier, seen: dict[bytes, str], taken: Mapping[bytes, str], findings: Findings
) -> list[bytes]:
    """The sound ones of a verifier's keys; `seen` says whose each key is."""
    if not verifier.public_keys:
        findings.mistake("empty; without a key, none of the verifier's signatures can be checked")
    elif len(verifier.public_keys) > MOST_KEYS:
        findings.mistake(f"{len(verifier.public_keys)} keys; at most {MOST_KEYS} are tried for each signature")
    sound = []
    for number, key in enumerate(verifier.public_keys):
        place = findings.at(number)
        if not check_public_key(key, place):
            continue
        if key.ed25519 in taken or key.ed25519 in seen:
            owner = taken.get(key.ed25519) or seen[key.ed25519]
            place.mistake(f"the key is that of {owner}, too: whoever holds it would count twice")
            continue
        seen[key.ed25519] = f"verifier {verifier.id}"
        sound.append(key.ed25519)
    return sound


def _check_policy(verifier: int, public: Sequence[bytes], policy: AuthorizationPolicy, findings: Findings) -> None:
    """What clients are told to verify a verifier's signatures with is one of its keys."""
    if public and verifier in policy.public_keys and policy.public_keys[verifier].ed25519 not in public:
        findings.at("public_keys").at_key(str(verifier)).mistake(
            "another key than the verifier of this id has in verifiers: its signatures would satisfy nobody"
        )
