"""Clients of etcd that go wrong in a chosen way, around the real one."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, fail

from coname.errors import Unavailable
from coname.messages.etcd_pb2 import TxnRequest, TxnResponse
from coname.protocols.etcd_calls import EtcdAccess
from coname.protocols.etcd_client import EtcdClient
from coname.protocols.etcd_watch import EtcdWatch


def _appends(request: TxnRequest) -> bool:
    return bool(request.compare) and len(request.failure) == 2


class UnreliableEtcd(EtcdClient):
    """Loses what has to do with appending, as told.

    :ivar lose_requests: how many of the next ones do not arrive. :ivar lose_answers: how many are done unheard.
    :ivar appended: how many entries each transaction that arrived held.
    """

    def __init__(self, endpoints: Sequence[str], access: EtcdAccess) -> None:
        super().__init__(endpoints, access)
        self.lose_requests = self.lose_answers = 0
        self.appended: list[int] = []

    def txn(self, request: TxnRequest) -> Deferred[TxnResponse]:
        if not _appends(request):
            return super().txn(request)
        if self.lose_requests:
            self.lose_requests -= 1
            return fail(Unavailable("the request was lost"))
        self.appended.append(len(request.success) - 1)
        answer = super().txn(request)
        if self.lose_answers:
            self.lose_answers -= 1
            answer.addCallback(self._lost)
        return answer

    def _lost(self, response: TxnResponse) -> TxnResponse:
        raise Unavailable("the answer was lost")


class ForgetfulEtcd(EtcdClient):
    """Asks for a revision that is compacted away, with every other watch.

    :ivar watches: how many there were.
    """

    watches = 0

    def watch(self, start: bytes, stop: bytes, revision: int) -> EtcdWatch:
        self.watches += 1
        return super().watch(start, stop, 1 if self.watches % 2 else revision)


class DeafEtcd(EtcdClient):
    """Its first watch lives, and shows nothing.

    :ivar watches: how many there were.
    """

    watches = 0

    def watch(self, start: bytes, stop: bytes, revision: int) -> EtcdWatch:
        self.watches += 1
        return super().watch(*((b"nothing", b"nothing0") if self.watches == 1 else (start, stop)), revision)
