"""Who should propose epoch delimiters: whoever holds the key ``leader``, which lives as long as its lease.

It is only a hint. It is gone at the moment from which somebody else may hold the key: when the lease, counted from
before it was last renewed, is over. A replica that stops ends its lease.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from coname.errors import Unavailable
from coname.messages.etcd_pb2 import KeyValue, TxnRequest
from coname.replication.etcd_keys import Keys
from coname.replication.etcd_requests import Etcd, absent, equal, put

LEASE_SECONDS = 3
"""How long nobody leads after a leader was killed. etcd's own elections take one second or two, and lease with them."""


class Leadership:
    """One replica's part in it.

    :ivar leading: whether this replica holds the key, as far as is known.
    """

    def __init__(self, etcd: Etcd, keys: Keys, name: str, clock: IReactorTime, changed: Callable[[], None]) -> None:
        """:param changed: is called whenever `leading` has changed."""
        self.leading = False
        self._etcd = etcd
        self._keys = keys
        self._name = name.encode()
        self._clock = clock
        self._changed = changed
        self._lease = 0
        self._over: IDelayedCall | None = None

    async def beat(self, holder: KeyValue | None, caught_up: bool) -> None:
        """Renew the lease, or take the key if nobody has it.

        :param holder: the key as it was a moment ago. :param caught_up: whether this replica is fit to lead.
        :raises coname.errors.Unavailable: etcd does not answer.
        """
        if holder is not None and self._lease and holder.lease == self._lease:
            await self._renew()
        elif holder is None or holder.value == self._name:  # its own, but from before it was killed
            self.lose()
            if caught_up:
                await self._take(holder)
        else:
            self.lose()

    async def resign(self) -> None:
        """Let others lead at once, as far as etcd can be reached."""
        self.lose()
        if self._lease:
            lease, self._lease = self._lease, 0
            with suppress(Unavailable):  # then it ends by itself
                await self._etcd.revoke(lease)

    async def _renew(self) -> None:
        sent = self._clock.seconds()
        seconds = await self._etcd.keep_alive(self._lease)
        if seconds > 0:
            self._lead_until(sent + seconds)
        else:
            self._lease = 0
            self.lose()

    async def _take(self, holder: KeyValue | None) -> None:
        sent = self._clock.seconds()
        self._lease = await self._etcd.grant(LEASE_SECONDS)
        still = absent(self._keys.leader) if holder is None else equal(self._keys.leader, holder.value)
        answer = await self._etcd.txn(
            TxnRequest(compare=[still], success=[put(self._keys.leader, self._name, self._lease)])
        )
        if answer.succeeded:
            self._lead_until(sent + LEASE_SECONDS)

    def _lead_until(self, until: float) -> None:
        if self._over is not None and self._over.active():
            self._over.cancel()
        left = until - self._clock.seconds()
        if left <= 0:
            self.lose()
            return
        self._over = self._clock.callLater(left, self.lose)
        self._become(True)

    def lose(self) -> None:
        """This replica does not lead, or shall not any more."""
        if self._over is not None and self._over.active():
            self._over.cancel()
        self._over = None
        self._become(False)

    def _become(self, leading: bool) -> None:
        if leading != self.leading:
            self.leading = leading
            self._changed()
