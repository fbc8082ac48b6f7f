"""A realm's configuration at a front that verifies answers itself, while the realm's replicas change.

The front is a client: it believes the configuration that its replica was started with, and from there on nothing but
signatures (`coname.core.rollover`). It asks the keyserver beside it for changes before each use, which costs nothing
while there are none. What cannot be followed yet, since verifiers have not signed it, is looked at again when somebody
has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.logger import Logger

from coname.core.rollover import follow
from coname.core.types import Epoch
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import PolicyChanges, PolicyChangesRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coname.interfaces import IKeyserver
    from coname.messages.config_pb2 import RealmConfig

MOST_KEPT = 4
"""Configurations, the newest included: answers are of the newest epochs."""


class FollowedRealm:
    """What clients of the realm have in their configuration, as things stand.

    :param realm: what they had at first; its `keyserver_auth` is what follows changes.
    """

    _log = Logger()

    def __init__(self, keyserver: IKeyserver, realm: RealmConfig) -> None:
        self._keyserver = keyserver
        self._versions = [realm]  # newest first
        self._refused = b""  # the changes that could not be followed

    def present(self) -> RealmConfig:
        """The newest.

        :raises Unavailable: the keyserver does not answer.
        """
        return self.versions()[0]

    def versions(self) -> Sequence[RealmConfig]:
        """The newest, and some that it took the place of, each of which holds until the epoch that the next is since.

        :raises Unavailable: the keyserver does not answer.
        """
        while self._followed():
            pass
        return self._versions

    def of(self, epoch: Epoch) -> RealmConfig:
        """What an answer of `epoch` must verify under, as far as is known."""
        found = (realm for realm in self._versions if realm.keyserver_auth_since < epoch)
        return next(found, self._versions[-1])

    def _followed(self) -> bool:
        """Follow what is new; whether there may be more."""
        request = PolicyChangesRequest(after=self._versions[0].keyserver_auth_since)
        answer = self._keyserver.policyChanges(request).protobuf()
        if not answer or answer == self._refused:
            return False
        changes = PolicyChanges.FromString(answer)
        try:
            for change in changes.changes:
                epoch, realm = follow(self._versions[0], change.ratifications)
                self._versions = [realm, *self._versions][:MOST_KEPT]
                self._log.info("The replicas' policy is another since epoch {epoch}", epoch=epoch + 1)
        except ProofInvalid as error:
            self._refused = answer
            self._log.warn("A change of the replicas' policy cannot be followed: {error}", error=error)
            return False
        return changes.more and bool(changes.changes)
