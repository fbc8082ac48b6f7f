"""An authority with certificates for verifiers, and a verifier log in memory that stands where a replica's would."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from functools import cache

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from coname.configuration.authority import Authority
from coname.configuration.tls import TlsIdentity
from coname.interfaces import IVerification
from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.config_pb2 import REQUIRE_AND_VERIFY_CLIENT_CERT

NOW = datetime.datetime.now(datetime.UTC)


@cache
def authority() -> Authority:
    return Authority.create("realm.test", NOW)


@cache
def server() -> TlsIdentity:
    return TlsIdentity(
        credentials=(authority().issue("replica 1", ["localhost"], NOW),),
        client_auth=REQUIRE_AND_VERIFY_CLIENT_CERT,
        client_cas=(authority().certificate,),
    )


@cache
def peer(common_name: str, issuer: Authority | None = None) -> TlsIdentity:
    """A client with a certificate of that name; without one if the name is empty."""
    issued = (issuer or authority()).issue(common_name, (), NOW) if common_name else None
    return TlsIdentity(credentials=(issued,) if issued else (), root_cas=(authority().certificate,))


@implementer(IVerification)
class SmallVerification:
    """A verifier log in memory.

    :ivar steps: those that are published; `publish` adds to them.
    :ivar error: what reading and pushing fail with, if set.
    :ivar reads: where each reading began.
    :ivar pushed: what was pushed, and by whom.
    :ivar pushing: the Deferred that pushes are answered with.
    """

    def __init__(self, steps: Sequence[bytes] = ()) -> None:
        self.steps = list(steps)
        self.error: Exception | None = None
        self.reads: list[int] = []
        self.pushed: list[tuple[int, SignedEpochHead]] = []
        self.pushing: Deferred[None] = succeed(None)
        self._waiting: list[tuple[int, Deferred[None]]] = []

    def publish(self, *steps: bytes) -> None:
        self.steps.extend(steps)
        waiting, self._waiting = self._waiting, []
        for index, deferred in waiting:
            if index < len(self.steps):
                deferred.callback(None)
            else:
                self._waiting.append((index, deferred))

    def published(self) -> int:
        return len(self.steps)

    def read(self, start: int, most_bytes: int) -> Sequence[bytes]:
        if self.error is not None:
            raise self.error
        self.reads.append(start)
        found: list[bytes] = []
        while start + len(found) < len(self.steps) and sum(map(len, found)) < most_bytes:
            found.append(self.steps[start + len(found)])
        return found

    def whenPublished(self, index: int) -> Deferred[None]:
        if index < len(self.steps):
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._waiting.append((index, waiting))
        return waiting

    def pushRatification(self, verifier: int, signed: SignedEpochHead) -> Deferred[None]:
        if self.error is not None:
            raise self.error
        self.pushed.append((verifier, signed))
        return self.pushing
