"""An in-memory way to the simulated realm: each message goes through its encoding, nothing through a socket."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from coname.client.interfaces import ITransport
from coname.errors import ConameError
from coname.messages.client_pb2 import (
    LookupProof,
    LookupRequest,
    PolicyChanges,
    PolicyChangesRequest,
    UpdateRequest,
)
from tests.client.simulator import Realm


@implementer(ITransport)
class MemoryTransport:
    """To `realm`. With `hold`, answers wait until `release` is called, in any order."""

    def __init__(self, realm: Realm) -> None:
        self.realm = realm
        self.hold = False
        self.closed = False
        self._held: list[tuple[Deferred[LookupProof], LookupProof]] = []

    def lookup(self, request: LookupRequest) -> Deferred[LookupProof]:
        try:
            answer = self.realm.lookup(LookupRequest.FromString(request.SerializeToString()))
        except ConameError as error:
            return fail(error)
        if self.hold:
            deferred: Deferred[LookupProof] = Deferred()
            self._held.append((deferred, answer))
            return deferred
        return succeed(LookupProof.FromString(answer.SerializeToString()))

    def release(self, number: int) -> None:
        deferred, answer = self._held.pop(number)
        deferred.callback(answer)

    def update(self, request: UpdateRequest) -> Deferred[LookupProof]:
        try:
            answer = self.realm.update(UpdateRequest.FromString(request.SerializeToString()))
        except ConameError as error:
            return fail(error)
        return succeed(LookupProof.FromString(answer.SerializeToString()))

    def policy_changes(self, request: PolicyChangesRequest) -> Deferred[PolicyChanges]:
        try:
            answer = self.realm.policy_changes(PolicyChangesRequest.FromString(request.SerializeToString()))
        except ConameError as error:
            return fail(error)
        return succeed(PolicyChanges.FromString(answer.SerializeToString()))

    def close(self) -> Deferred[None]:
        self.closed = True
        return succeed(None)
