"""The ratifications of an answer: which epoch they are for, whether it is fresh, and who signed (protocol section 8,
steps 3 and 4).

Rules of this file:

* All ratifications must carry the very same EpochHead, byte for byte; each signer's wrapping of it, with its own
  time, may differ, and is what its signature covers.
* Signatures that do not verify, or are by nobody whom the policy mentions, are ignored, as the original does. What
  counts is whether the good ones are enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.core import heads, policies, quorums, times
from coname.core.text import quoted
from coname.errors import Misconfigured, ProofInvalid
from coname.messages.client_pb2 import SignedEpochHead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from coname.core.heads import Head
    from coname.messages.client_pb2 import Duration
    from coname.messages.config_pb2 import RealmConfig

MAX_RATIFICATIONS = 1024
"""How many ratifications an answer may carry. An honest one has at most one for each signer that the policy mentions;
the bound keeps a hostile one from making us check signatures for minutes (60 µs each)."""


def common_head(realm: str, ratifications: Sequence[SignedEpochHead]) -> Head:
    """The epoch head on which all of `ratifications` agree, as the first of them carries it.

    :raises ProofInvalid: step "ratification": there are none or too many, one is malformed, or is of another realm than
        the one named `realm`, or they are not all of the same EpochHead.
    """
    if not ratifications:
        raise ProofInvalid(heads.STEP, "the answer carries no ratification: nobody vouches for its epoch")
    if len(ratifications) > MAX_RATIFICATIONS:
        raise ProofInvalid(heads.STEP, f"{len(ratifications)} ratifications; at most {MAX_RATIFICATIONS} are looked at")
    first = heads.parse(ratifications[0].head)
    if first.realm != realm:
        raise ProofInvalid(heads.STEP, f"the epoch head is of the realm {quoted(first.realm)}, not of {quoted(realm)}")
    for place, other in enumerate(ratifications[1:], start=2):
        head = heads.parse(other.head)
        if head.epoch_head != first.epoch_head:
            raise ProofInvalid(
                heads.STEP,
                f"ratification {place} is of another epoch head (epoch {head.epoch}, root {head.root_hash.hex()}) than "
                f"the first (epoch {first.epoch}, root {first.root_hash.hex()})",
            )
    return first


def check_freshness(head: Head, time_to_live: Duration, now: float) -> str:
    """Check that an epoch has not expired, and say how old it is.

    :param time_to_live: how long after it was issued an epoch is accepted.
    :param now: the time, in seconds since 1970.
    :raises ProofInvalid: step "freshness": it has expired.
    :raises Misconfigured: the time to live is out of range.
    """
    try:
        lifetime = times.to_nanoseconds(time_to_live)
    except ValueError as error:
        raise Misconfigured([f"epoch_time_to_live: {error}"]) from error
    age = times.nanoseconds(now) - head.issue_time_ns
    bound = f"{lifetime / times.NANOSECONDS:g} s are allowed"
    if age > lifetime:
        raise ProofInvalid("freshness", f"epoch {head.epoch} was closed {_seconds(age)} ago; at most {bound}")
    if age < 0:
        return f"epoch {head.epoch} was closed just now; this clock is {_seconds(-age)} behind"
    return f"epoch {head.epoch} was closed {_seconds(age)} ago; {bound}"


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds / times.NANOSECONDS:.1f} s"


def check_signatures(realm: RealmConfig, ratifications: Sequence[SignedEpochHead]) -> dict[int, float]:
    """Check that enough have signed, and tell who, and when each says that it did (seconds since 1970).

    :param ratifications: those of one epoch head, as `common_head` found.
    :raises ProofInvalid: step "signatures": the good ones do not satisfy the realm's verification_policy.
    """
    policy = realm.verification_policy
    signers: dict[int, float] = {}
    for ratification in ratifications:
        unseen = {signer: signed for signer, signed in ratification.signatures.items() if signer not in signers}
        for signer in policies.signed_by(policy, ratification.head, unseen):
            signers[signer] = heads.parse(ratification.head).timestamp
    if not (policy.HasField("quorum") and quorums.satisfied(policy.quorum, signers)):
        raise ProofInvalid(
            "signatures",
            f"expected the signatures of {policies.describe(policy)}; good ones are by: {quorums.ids(signers)}",
        )
    return signers


def only_good(
    ratifications: Sequence[SignedEpochHead], good: Callable[[bytes, Mapping[int, bytes]], Iterable[int]]
) -> list[SignedEpochHead]:
    """`ratifications` with each signer's good signature once, and nothing else: what shows them to somebody else.

    :param good: by whom, of those that have signed a head, the signatures are good.
    """
    found, seen = list[SignedEpochHead](), set[int]()
    for each in ratifications:
        unseen = {signer: signature for signer, signature in each.signatures.items() if signer not in seen}
        signers = set(good(each.head, unseen))
        seen |= signers
        if signers:
            found.append(SignedEpochHead(head=each.head, signatures={signer: unseen[signer] for signer in signers}))
    return found
