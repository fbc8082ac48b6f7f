"""What changes in a realm's files when a verifier is admitted (protocol section 10).

- Every replica's ``keyserver_config.verifiers`` gets the verifier's id and public key, so that its signatures are
  taken. If there was no such list, signatures of everybody with a certificate were; then those verifiers that clients
  ask for already are put into it, too.
- The ``verification_policy`` of clients, and of replicas where it stands, asks for a majority of the verifiers, the new
  one among them. One that is not built as ``coname init`` builds them is left to a person.
- Clients get its name to show.

A realm for the programs of 2017 (VRF suite of 2017) has no list, since they refuse a file with one. Files change all at
once, each with a backup, and what stands there already is not touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict

from coname.configuration import documents
from coname.configuration.replacing import replace_files
from coname.core.quorums import majority, replica_policy
from coname.core.signatures import public_key_message
from coname.errors import Misconfigured
from coname.messages import config_pb2 as pb
from coname.messages.client_pb2 import AuthorizationPolicy

if TYPE_CHECKING:
    from pathlib import Path

    from coname.configuration.admission import Realm
    from coname.configuration.enrolment import Request


def with_verifier(
    policy: AuthorizationPolicy, replicas: AuthorizationPolicy, request: Request
) -> AuthorizationPolicy | None:
    """`policy`, asking for a majority of its verifiers with the new one among them.

    :param replicas: the realm's own policy.
    :returns: None if `policy` is not built as ``coname init`` builds them: then a person must decide.
    """
    if request.verifier in policy.public_keys:
        return policy
    changed = AuthorizationPolicy()
    changed.CopyFrom(policy)
    changed.public_keys[request.verifier].CopyFrom(public_key_message(request.public))
    if policy.quorum == replicas.quorum:
        changed.quorum.Clear()
        changed.quorum.threshold = 2
        changed.quorum.subexpressions.add().CopyFrom(replicas.quorum)
        changed.quorum.subexpressions.add(threshold=1, candidates=[request.verifier])
        return changed
    parts = changed.quorum.subexpressions
    if changed.quorum.threshold != 2 or changed.quorum.candidates or len(parts) != 2:
        return None
    verifiers = parts[1]
    if parts[0] != replicas.quorum or verifiers.subexpressions or set(verifiers.candidates) & set(replicas.public_keys):
        return None
    if verifiers.threshold != majority(len(verifiers.candidates)):
        return None
    verifiers.candidates.append(request.verifier)
    verifiers.threshold = majority(len(verifiers.candidates))
    return changed


@dataclass(frozen=True)
class Change:
    """What a file of the realm is to say.

    :ivar place: the field, as its path in the file. :ivar value: as JSON has it; None: a person must decide.
    """

    path: Path
    place: tuple[str | int, ...]
    value: Any


def changes(realm: Realm, request: Request, name: str = "") -> list[Change]:
    """All that is to change in the realm's files; nothing where it stands already.

    :param name: what clients call this verifier.
    """
    found: list[Change] = []
    replicas = replica_policy(realm.keyserver.initial_replicas)
    for path, config in realm.replicas.items():
        if realm.ours or config.keyserver_config.verifiers:
            listed = _listed(config.keyserver_config, replicas, realm.client_realm, request)
            found += _changed(path, ("keyserver_config", "verifiers"), config.keyserver_config.verifiers, listed)
        if config.keyserver_config.HasField("verification_policy") or realm.ours:
            found += _policy_change(
                path,
                ("keyserver_config", "verification_policy"),
                config.keyserver_config.verification_policy,
                replicas,
                request,
            )
    known = realm.client_realm
    if realm.client is not None and known is not None:
        place = ("realms", list(realm.client[1].realms).index(known))
        path = realm.client[0]
        # clients may have been given a newer policy of the replicas than the realm began with
        theirs = known.keyserver_auth if known.HasField("keyserver_auth") else replicas
        found += _policy_change(path, (*place, "verification_policy"), known.verification_policy, theirs, request)
        if realm.ours and name and known.signer_names.get(request.verifier) != name:
            names = {str(signer): word for signer, word in known.signer_names.items()}
            found.append(Change(path, (*place, "signer_names"), names | {str(request.verifier): name}))
    return found


def _listed(
    config: pb.KeyserverConfig, replicas: AuthorizationPolicy, known: pb.RealmConfig | None, request: Request
) -> list[pb.Verifier]:
    """The list of verifiers with the new one in it."""
    listed = list(config.verifiers)
    if not listed:
        policies = [config.verification_policy, *([known.verification_policy] if known else [])]
        asked_for = {signer: key for policy in policies for signer, key in policy.public_keys.items()}
        listed = [
            pb.Verifier(id=signer, public_keys=[key])
            for signer, key in asked_for.items()
            if signer not in replicas.public_keys and signer != request.verifier
        ]
    if all(each.id != request.verifier for each in listed):
        listed.append(pb.Verifier(id=request.verifier, public_keys=[public_key_message(request.public)]))
    return listed


def _changed(path: Path, place: tuple[str | int, ...], before: Any, after: list[pb.Verifier]) -> list[Change]:
    if list(before) == after:
        return []
    return [Change(path, place, [MessageToDict(each, preserving_proto_field_name=True) for each in after])]


def _policy_change(
    path: Path,
    place: tuple[str | int, ...],
    policy: AuthorizationPolicy,
    replicas: AuthorizationPolicy,
    request: Request,
) -> list[Change]:
    present = policy if policy.HasField("quorum") else replicas
    wanted = with_verifier(present, replicas, request)
    if wanted is None:
        return [Change(path, place, None)]
    if wanted == policy:
        return []
    return [Change(path, place, MessageToDict(wanted, preserving_proto_field_name=True))]


def apply(wanted: list[Change]) -> list[Path]:
    """Make the changes that are known. Returns the backups.

    :raises Misconfigured: a file is not written as ``coname init`` writes it; nothing was changed.
    """
    contents: dict[Path, dict[str, Any]] = {}
    for change in wanted:
        if change.value is None:
            continue
        document = contents.setdefault(change.path, documents.read(change.path))
        *outer, last = change.place
        place: Any = document
        for step in outer:
            if isinstance(place, dict) and step not in place:
                raise Misconfigured(
                    [f"{change.path}: {step} is not there under this name; change this file by hand, as shown"]
                )
            place = place[step]
        place[last] = change.value
    return replace_files({path: documents.to_json(document) for path, document in contents.items()})
