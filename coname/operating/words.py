"""A cluster, for programs."""

from __future__ import annotations

from typing import Any

from coname.messages.cluster_pb2 import ClusterStatus
from coname.messages.stored_pb2 import ReplicaRole


def document(status: ClusterStatus) -> dict[str, Any]:
    """For programs; ids as in the configuration, in decimal."""
    return {
        "realm": status.realm,
        "answered_by": str(status.answered_by),
        "leader": str(status.leader) if status.leader else None,
        "ratified_epoch": str(status.epoch),
        "applied_entries": str(status.applied),
        "standing": status.standing or None,
        "replicas": [
            {
                "id": str(member.replica.id),
                "role": ReplicaRole.Name(member.role).lower(),
                "raft_addr": member.replica.raft_addr,
                "connected": member.connected if member.known else None,
                "in_log": member.in_log if member.known else None,
                "votes": member.votes if member.known else None,
                "behind": member.behind if member.known and member.behind >= 0 else None,
            }
            for member in status.members
        ],
    }
