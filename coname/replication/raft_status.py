"""What a Raft engine tells its operator."""

from __future__ import annotations

from collections.abc import Mapping

from coname.interfaces import ILogMembership, LogStanding
from coname.replication.raft_driver import Driver
from coname.replication.raft_network import ReplicaNetwork
from coname.replication.raft_store import RaftStore


def status_of(
    own: int, driver: Driver, store: RaftStore, network: ReplicaNetwork, members: ILogMembership
) -> Mapping[str, object]:
    """What is worth knowing, by name."""
    core = driver.core
    rows: dict[str, object] = {
        "raft term": core.term,
        "raft role": core.role.value,
        "raft leader": f"{core.leader:016x}" if core.leader else "unknown",
        "raft log": f"entries {core.log.first_index} to {core.log.last_index}, {core.log.committed} committed, "
        f"{store.total_bytes >> 10} KiB",
        "raft messages refused": driver.refused,
    }
    standing, why = members.standing()
    if standing is not LogStanding.MEMBER:
        rows["this replica"] = f"{standing.value}: {why}"
    for peer in sorted({*core.membership.ids, *network.places()}):
        if peer != own:
            rows[f"replica {peer:016x}"] = _peer(driver, network, peer)
    return rows


def _peer(driver: Driver, network: ReplicaNetwork, peer: int) -> str:
    core = driver.core
    words = ["connected" if network.connected(peer) else "not connected"]
    refusal = network.refusal(peer)
    if refusal is not None:
        words.append(f"turns this replica away: {refusal.words}")
    if peer in core.membership:
        words.append("voter" if peer in core.membership.voters else "learner")
    progress = core.peers.get(peer)
    if progress is not None:
        words.append(f"has entry {progress.match}, {core.log.last_index - progress.match} behind")
        words.append(progress.feed.value)
    return ", ".join(words)
