"""The realm's replicas as the state machine last computed them: who they are, and which policy ratifies which epoch.

The rules of change are in `coname.keyserver.membership`; here they meet the database. Each policy is kept for good,
with the epoch from which on it ratifies: a signature that comes late is judged by the policy of its own epoch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence

from coname.core.quorums import replica_policy
from coname.core.types import Epoch
from coname.errors import InvalidRequest, Refused
from coname.keyserver import membership, tables
from coname.keyserver.effects import ChangeApplied, ChangeRefused, Effect
from coname.messages.client_pb2 import AuthorizationPolicy
from coname.messages.config_pb2 import Replica
from coname.messages.replication_pb2 import KeyserverStep
from coname.messages.stored_pb2 import ENTERING, LEAVING, VOTER, ReplicaState


class Members:
    """Replicas and policies, as of the last step: which is at most one log entry ahead of what is durable.

    :param configured: the configuration's `initial_replicas`, which are the replicas until the first change.
    :param state: that of the database.
    :ivar configured: likewise.
    :ivar ever: the ids of all replicas, and those that any policy ever asked for: no verifier may have one of them.
    :ivar signing: the ids of those that sign now, or are about to.
    """

    def __init__(self, store: tables.Scanner, configured: Sequence[Replica], state: ReplicaState) -> None:
        self.configured = tuple(configured)
        policies = [(Epoch(0), replica_policy(configured)), *tables.read_policies(store)]
        self._starts = [start for start, _ in policies]
        self._policies = [policy for _, policy in policies]
        self._asked = frozenset(signer for policy in self._policies for signer in policy.public_keys)
        self.ever: Collection[int] = frozenset()
        self.signing: Collection[int] = frozenset()
        self._refresh(state)

    def policy(self, epoch: Epoch) -> AuthorizationPolicy:
        """What ratifies `epoch`."""
        return self._policies[bisect_right(self._starts, epoch) - 1]

    def apply(self, state: ReplicaState, step: KeyserverStep) -> Effect:
        """Apply a replica change to `state`."""
        try:
            if membership.change(state, self.configured, step.replica_change):
                self._refresh(state)
        except (InvalidRequest, Refused) as error:
            return ChangeRefused(step.UID, error)
        return ChangeApplied(step.UID)

    def close(self, writer: tables.Writer, state: ReplicaState, epoch: Epoch) -> AuthorizationPolicy | None:
        """`epoch` is being closed: what its head is to announce."""
        policy = membership.announce(state, epoch)
        if policy is not None:
            start = Epoch(epoch + 1)
            writer.put(tables.policy_key(start), policy.SerializeToString(deterministic=True))
            self._starts.append(start)
            self._policies.append(policy)
            self._asked |= frozenset(policy.public_keys)
        if state.replicas:
            self._refresh(state)
        return policy

    def _refresh(self, state: ReplicaState) -> None:
        records = membership.replicas(state, self.configured)
        # nothing but what the database holds: a learner that went without ever signing leaves no trace
        self.ever = self._asked.union(*(membership.keys_of(record.replica) for record in records))
        self.signing = frozenset(
            signer
            for record in records
            if record.role in (VOTER, ENTERING, LEAVING)
            for signer in membership.keys_of(record.replica)
        )
