"""A verifier in memory that is fed from a `LyingKeyserver`, as the real one is from its stream."""

from __future__ import annotations

from typing import Any

from coname.core.times import NANOSECONDS
from coname.interfaces import IKeyValueStore
from coname.messages.config_pb2 import RealmConfig
from coname.messages.evidence_pb2 import EvidenceBundle
from coname.storage.memory import MemoryStore
from coname.verifier.replay import Replay, Taken
from coname.verifier.settings import ReplaySettings
from tests.core.honest import key
from tests.verifier.lying import REALM, START, LyingKeyserver

KEY = key("verifier")
NOW = START + 10
"""The verifier's clock, in seconds since 1970, unless a test says otherwise."""


def nanoseconds(seconds: float) -> int:
    return int(seconds * NANOSECONDS)


class Verifier:
    """A verifier and its stream.

    :ivar evidence: the bundles that were handed over.
    :ivar taken: the epochs that were verified.
    """

    def __init__(self, keyserver: LyingKeyserver, store: IKeyValueStore | None = None, **settings: Any) -> None:
        self.keyserver = keyserver
        self.store = store or MemoryStore()
        self.evidence: list[EvidenceBundle] = []
        self.taken: list[Taken] = []
        arguments = {"id": KEY.key_id, "realm": REALM, "policy": keyserver.policy, **settings}
        self.settings = ReplaySettings(**arguments)
        self.now = NOW
        self.open()

    def open(self) -> None:
        """Open the database (again), as a new process does."""
        self.replay = Replay(self.store, self.settings, KEY, self.evidence.append)
        self.replay.begin()

    def read(self, at_once: int = 1000) -> None:
        """Take what the keyserver's log has to give."""
        while fresh := self.keyserver.steps[self.replay.steps :][:at_once]:
            self.taken += self.replay.take_many(fresh, nanoseconds(self.now))
            if self.replay.restart_wanted:
                self.replay.begin()

    def reconnect(self) -> None:
        """Begin a new stream and read it, going back where it stays silent, as the service does."""
        start = self.replay.begin()
        while start and start >= len(self.keyserver.steps):
            self.replay.rewind()
            start = self.replay.begin()
        self.read()

    @property
    def rules(self) -> list[str]:
        """What the evidence is of, in the order in which it was made."""
        return [bundle.rule for bundle in self.evidence]

    def realm_config(self) -> RealmConfig:
        """What a judge has pinned: a realm whose policy knows the keyserver's keys."""
        return RealmConfig(
            RealmName=REALM, verification_policy=self.keyserver.policy, tree_nonce=self.settings.tree_nonce
        )
