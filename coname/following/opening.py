"""A verifier's replay on its database, as its settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coname.core.times import NANOSECONDS
from coname.verifier.replay import Replay
from coname.verifier.settings import ReplaySettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from coname.configuration.settings import VerifierSettings
    from coname.interfaces import IKeyValueStore
    from coname.messages.evidence_pb2 import EvidenceBundle


def open_replay(
    store: IKeyValueStore, settings: VerifierSettings, evidence: Callable[[EvidenceBundle], object]
) -> Replay:
    """The replay of the verifier that `settings` describe.

    :param evidence: takes the bundles.
    :raises Misconfigured: `store` is another verifier's. :raises Corrupt: it is damaged.
    """
    return Replay(store, _replay_settings(settings), settings.signing_key, evidence)


def _replay_settings(settings: VerifierSettings) -> ReplaySettings:
    return ReplaySettings(
        id=settings.verifier_id,
        realm=settings.realm,
        policy=settings.keyserver_policy,
        tree_nonce=settings.tree_nonce,
        require_transcripts=settings.require_transcripts,
        clock_tolerance_ns=round(settings.clock_tolerance * NANOSECONDS),
        sign_within_ns=round(settings.sign_within * NANOSECONDS),
    )
