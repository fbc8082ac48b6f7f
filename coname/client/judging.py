"""What an answer proves, by the policy that was in force in its epoch. Pure: no files, no network, no clock."""

from __future__ import annotations

from coname.client.lineage import Change, Lineage
from coname.client.results import Outcome, Result
from coname.core import heads, rollover
from coname.core.lookup import verify_lookup
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import LookupProof
from coname.messages.config_pb2 import RealmConfig


def judged(
    realm: RealmConfig, lineage: Lineage | None, asked: str, user_id: str, proof: LookupProof, now: float
) -> Result:
    """What `proof` proves.

    :param realm: as configured.
    :param lineage: who ratifies its epochs; None if the configuration does not say who the replicas are.
    :param asked: the address as somebody wrote it; `user_id` in canonical form.
    :param now: seconds since 1970.
    :raises ProofInvalid: nothing.
    """
    demanded = realm if lineage is None else _demanded(realm, lineage, proof)
    verified = verify_lookup(demanded, user_id, proof, now)
    steps, changes = verified.steps, tuple[Change, ...]()
    if lineage is not None:
        changes = lineage.led_to(verified.epoch)
        steps = (*steps, (rollover.STEP, lineage.describe(verified.epoch)))
    outcome = Outcome.ABSENT if verified.entry is None else Outcome.PRESENT
    return Result(asked, demanded, proof, verified, steps, outcome, now, changes)


def _demanded(realm: RealmConfig, lineage: Lineage, proof: LookupProof) -> RealmConfig:
    """What `proof` must satisfy, being for the epoch that it says."""
    try:
        epoch = heads.parse(proof.ratifications[0].head).epoch
    except (IndexError, ProofInvalid):
        return lineage.realm_now(realm)  # it does not verify anyway, and its first mistake is the one to be told
    return lineage.realm_of(realm, epoch)
