"""What must hold among whole replicas at every instant, looked at from above.

Raft's own properties are those of `tests.replication.raft.invariants`; to them come:

1. a leader commits by counting only entries of its own term;
2. what a replica takes for applied, its database holds;
3. an epoch is the same on every replica, to the last byte, and chains to the one before;
4. a replica signs only what its database holds, and never two heads for one epoch;
5. an entry of the log comes to the same writes on every replica;
6. an epoch is ratified by the policy that the heads before it have announced, and by no other; policies in succession
   differ by one replica; nobody signs an epoch whose policy does not ask for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from coname.core import heads, rollover
from coname.core.hashes import summary_hash
from coname.core.policies import policy_satisfied
from coname.core.transcripts import signed_bytes
from coname.core.types import Epoch
from coname.interfaces import Put, Write
from coname.keyserver import tables
from coname.messages.client_pb2 import AuthorizationPolicy
from coname.messages.raft_pb2 import RaftMessage
from coname.messages.stored_pb2 import ReplicaState
from coname.replication.raft import Core, Ready, Role, bootstrap
from coname.replication.raft.membership import Membership
from tests.replication.raft.invariants import Invariants, Observed, Violation
from tests.simulation.realm import known_signatures

if TYPE_CHECKING:
    from tests.simulation.host import Host


class ReplicaInvariants:
    """See the module.

    :ivar raft: what holds among the cores.
    :ivar heads: the timestamped head of each epoch that any replica has closed.
    :param policy: whose signatures ratify the first epochs.
    """

    def __init__(self, ids: Iterable[int], policy: AuthorizationPolicy) -> None:
        self._policies = [(1, policy)]  # by the epoch from which on, as the heads have announced them
        self._ratified: set[int] = set()
        self._observed: dict[int, Observed] = {}
        self.raft = Invariants([bootstrap(Membership(dict.fromkeys(ids, 0)))[1]])
        self.heads: dict[int, bytes] = {}
        self._records: dict[int, bytes] = {}
        self._states: dict[int, tuple[bytes | None, ReplicaState]] = {}
        self._committed: dict[Core, int] = {}
        self._shown: dict[int, object] = {}
        self._writes: dict[int, Sequence[Write]] = {}

    def watch(self, hosts: Mapping[int, Host]) -> None:
        """Look at these."""
        self._observed.update(cast(Mapping[int, Observed], hosts))

    # what Raft does

    def ready(self, host: Host, core: Core, ready: Ready) -> None:
        """A core asks for this."""
        host.core = core
        self.raft.appended(cast(Observed, host), ready.entries)
        self._look_at_core(host)
        self.raft.applied(cast(Observed, host), ready.committed)

    def sent(self, message: RaftMessage) -> None:
        """A message leaves."""
        self.raft.sent(message)

    def forget(self, core: Core) -> None:
        """That replica has stopped."""
        self._committed.pop(core, None)
        self.raft.forget(core)

    def _look_at_core(self, host: Host) -> None:
        core = host.core
        committed = core.log.committed
        if core.role is Role.LEADER and committed > self._committed.get(core, committed):
            term = core.log.term(committed)
            if term != core.term:
                raise Violation(f"replica {host.id} leads in term {core.term} and commits an entry of term {term}")
        self._committed[core] = committed
        self.raft.look(cast(Observed, host), self._observed)

    # what a replica does

    def look(self, host: Host) -> None:
        """After anything has happened to a replica: if that is to be seen."""
        core = getattr(host, "core", None)
        raft = None if core is None else (core, core.role, core.term, core.log.committed)
        shows = (raft, host.disks.state._values.get(tables.STATE_KEY), host.replica.state)
        if shows != self._shown.get(host.id):
            self._shown[host.id] = shows
            self._look_closely(host)

    def _look_closely(self, host: Host) -> None:
        if hasattr(host, "core") and host.core in self._committed and not host.disks.log._closed:
            self._look_at_core(host)
        stored, state = self._stored_state(host)
        if stored is None:
            return
        shown = host.replica.state
        if shown.applied_index > state.applied_index:
            raise Violation(
                f"replica {host.id} takes entry {shown.applied_index} for applied, and its database holds "
                f"{state.applied_index}"
            )

    def writes(self, host: Host, writes: Sequence[Write]) -> None:
        """A replica is about to write what an entry comes to."""
        state = next(write.value for write in writes if isinstance(write, Put) and write.key == tables.STATE_KEY)
        index = ReplicaState.FromString(state).applied_index
        if self._writes.setdefault(index, writes) != writes:
            raise Violation(f"entry {index} comes to other writes on replica {host.id}")

    def _stored_state(self, host: Host) -> tuple[bytes | None, ReplicaState]:
        stored = host.disks.state._values.get(tables.STATE_KEY)
        known = self._states.get(host.id)
        if known is None or known[0] is not stored:
            known = self._states[host.id] = (stored, ReplicaState.FromString(stored or b""))
            if known[1].closed_epoch:
                self._see_epoch(host, known[1].closed_epoch)
            self._see_ratified(host, known[1].ratified_epoch)
        return known

    def policy(self, epoch: int) -> AuthorizationPolicy:
        """Who ratifies an epoch, by all that was announced."""
        return next(policy for start, policy in reversed(self._policies) if start <= epoch)

    def _see_announced(self, head: heads.Head) -> None:
        announced = rollover.next_policy(head)
        if announced is not None:
            before = self.policy(head.epoch)
            if len(set(before.public_keys) ^ set(announced.public_keys)) != 1:
                raise Violation(f"epoch {head.epoch} announces a policy with more than one other replica")
            self._policies.append((head.epoch + 1, announced))

    def _see_ratified(self, host: Host, ratified: int) -> None:
        if not ratified or ratified in self._ratified:
            return
        self._ratified.add(ratified)
        epoch, store, policy = Epoch(ratified), host.disks.state, self.policy(ratified)
        signed = tables.read_ratifications(store, epoch)
        signatures = {int(signer): one.signatures[signer] for signer, one in signed.items()}
        head = tables.read_epoch(store, epoch).timestamped_head
        if not policy_satisfied(policy, head, signatures, known_signatures):
            raise Violation(
                f"epoch {epoch} is ratified on replica {host.id} by {sorted(signatures)}, not its own policy"
            )

    def _see_epoch(self, host: Host, epoch: int) -> None:
        encoded = host.disks.state._values[tables.epoch_key(Epoch(epoch))]
        if self._records.get(epoch) == encoded:
            return
        if epoch in self._records:
            raise Violation(f"replica {host.id} has another epoch {epoch}")
        record = tables.read_epoch(host.disks.state, Epoch(epoch))
        head = heads.parse(record.timestamped_head)
        before = self.heads.get(epoch - 1)
        expected = summary_hash(heads.parse(before).epoch_head) if before else b""
        if head.previous_summary_hash != expected or head.epoch != epoch:
            raise Violation(f"epoch {epoch} of replica {host.id} does not chain to the one before")
        self._see_announced(head)
        self._records[epoch] = encoded
        self.heads[epoch] = record.timestamped_head

    def signs(self, host: Host, message: bytes) -> None:
        """A replica's key signs this."""
        if host.lost is not None:
            raise Violation(f"replica {host.id} was put back to a backup, and signs")
        closed = self._stored_state(host)[1].closed_epoch
        for epoch in (closed, closed - 1):  # of the newest, the replica may not know yet that it is written
            if epoch < 1:
                continue
            record = tables.read_epoch(host.disks.state, Epoch(epoch))
            if message in (record.timestamped_head, signed_bytes(record.transcript)):
                if self.heads[epoch] != record.timestamped_head:
                    raise Violation(f"replica {host.id} signs another head of epoch {epoch}")
                if host.id not in self.policy(epoch).public_keys:
                    raise Violation(f"replica {host.id} signs epoch {epoch}, and was not asked to")
                return
        raise Violation(f"replica {host.id} signs what its database does not hold: {message.hex()[:80]}")


def same_everywhere(hosts: Mapping[int, Host]) -> None:
    """Databases that hold the effects of the same entries are the same.

    :raises Violation: they are not.
    """
    seen: dict[int, tuple[int, dict[bytes, bytes]]] = {}
    for host in hosts.values():
        values = host.disks.state._values
        index = tables.read_state(host.disks.state).applied_index
        first, expected = seen.setdefault(index, (host.id, values))
        if values != expected:
            keys = [key for key in sorted({*values, *expected}) if values.get(key) != expected.get(key)]
            raise Violation(f"replicas {first} and {host.id} differ after entry {index}: {keys[:5]}")
