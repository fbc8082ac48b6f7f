"""What a verifier is told: whom it follows, and how strictly."""

from __future__ import annotations

from dataclasses import dataclass

from coname.core.evidence_bounds import MAX_BUNDLE_BYTES
from coname.core.times import NANOSECONDS
from coname.messages.client_pb2 import AuthorizationPolicy

CLOCK_TOLERANCE_NS = 5 * 60 * NANOSECONDS
"""How far an epoch may lie in the future: what clocks that nobody looks after drift apart in a year or so."""

SIGN_WITHIN_NS = 3600 * NANOSECONDS
"""How old an epoch may be and still be signed: the time that new realms' clients accept an epoch for."""

OPEN_EPOCH_BYTES = MAX_BUNDLE_BYTES // 2
"""How much memory the updates of one epoch may take: 140,000 registrations without a head between them. What is taken
can be shown: in a file, where each byte takes up to two, a judge reads it."""


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """One verifier's settings.

    :ivar id: what its signatures are filed under.
    :ivar policy: whose signatures ratify an epoch (`initial_keyserver_auth`), until a verified head names others.
    :ivar tree_nonce: the realm's; empty for most.
    :ivar require_transcripts: sign no epoch whose updates the keyserver has not signed for.
    :ivar clock_tolerance_ns: how far in the future, by our clock, an epoch may be issued; nanoseconds.
    :ivar sign_within_ns: older epochs than this are checked and not signed; nanoseconds.
    :ivar open_epoch_bytes: bound of the memory for one epoch's updates.
    :ivar cache_bytes: bound of the memory for tree nodes.
    """

    id: int
    realm: str
    policy: AuthorizationPolicy
    tree_nonce: bytes = b""
    require_transcripts: bool = False
    clock_tolerance_ns: int = CLOCK_TOLERANCE_NS
    sign_within_ns: int = SIGN_WITHIN_NS
    open_epoch_bytes: int = OPEN_EPOCH_BYTES
    cache_bytes: int = 64 << 20
