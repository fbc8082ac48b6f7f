"""Whose signatures an update waits for."""

from __future__ import annotations

from coname.client.servers import Servers
from coname.client.signers import signer_words
from coname.core import heads, policies, quorums
from coname.errors import ConameError
from coname.messages.client_pb2 import LookupProof, LookupRequest
from coname.messages.config_pb2 import RealmConfig

MOST_NAMED = 16
"""How many signers are named."""


async def missing_signatures(realm: RealmConfig, servers: Servers, user_id: str) -> str:
    """Who has not signed the newest epoch, as the end of a sentence; nothing where that cannot be found out.

    That somebody has signed, their signature shows. That somebody has not is the server's word.

    :param realm: whose policy an answer must satisfy now.
    """
    request = LookupRequest(user_id=user_id)
    request.quorum_requirement.candidates.extend(sorted(quorums.signers(realm.verification_policy.quorum)))
    try:
        proof: LookupProof = await servers.lookup(request)
        return _words(realm, proof)
    except ConameError:
        return ""


def _words(realm: RealmConfig, proof: LookupProof) -> str:
    policy, signed = realm.verification_policy, set[int]()
    if not proof.ratifications:
        return ""
    newest = max((heads.parse(each.head) for each in proof.ratifications), key=lambda head: head.epoch)
    for each in proof.ratifications:
        if heads.parse(each.head).epoch_head == newest.epoch_head:
            signed.update(policies.signed_by(policy, each.head, each.signatures))
    missing = sorted(quorums.signers(policy.quorum) - signed)
    if not missing:
        return f". Epoch {newest.epoch}, the newest, has all signatures: the update is in none yet"
    names = [signer_words(realm, signer) for signer in missing[:MOST_NAMED]]
    if len(missing) > MOST_NAMED:
        names.append(f"{len(missing) - MOST_NAMED} more")
    enough = " (the others are enough)" if quorums.satisfied(policy.quorum, signed) else ""
    return (
        f". The newest epoch, {newest.epoch}, has no signature of {', '.join(names)}{enough}; "
        f"wanted: {policies.describe(policy)}"
    )
