"""Messages that nobody who keeps the rules sends: each is refused with a declared error, and changes nothing."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from coname.messages.raft_pb2 import RAFT_MEMBERSHIP, RaftEntry, RaftMembership, RaftMessage
from coname.replication.raft import Membership, MessageRefused
from coname.replication.raft.membership import entry_data
from coname.replication.raft.settings import MOST_NUMBER
from tests.replication.raft.cluster import INCARNATION, Cluster
from tests.replication.raft.invariants import Violation
from tests.replication.raft.simulation import Simulation


class RefusalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(3, entry_bytes=1000)
        self.cluster.elect(1)
        self.cluster.propose(1, b"one", b"two")

    def state(self, id: int) -> tuple[object, ...]:
        core = self.cluster[id].core
        return core.term, core.role, core.leader, core.log.committed, core.log.last_index, core.membership

    def check(self, why: str, **fields: object) -> None:
        """Send something to replica 2, in the name of its leader unless said otherwise."""
        whole: dict[str, object] = {"sender": 1, "recipient": 2, "incarnation": INCARNATION + 1, "term": 2, **fields}
        before = self.state(2)
        error = self.assertRaises(MessageRefused, self.cluster[2].core.receive, RaftMessage(**whole))  # type: ignore[arg-type]
        self.assertIn(why, str(error))
        self.assertEqual(self.state(2), before)

    def check_leader(self, why: str, **fields: object) -> None:
        """Send something to the leader."""
        whole: dict[str, object] = {"sender": 2, "recipient": 1, "incarnation": INCARNATION + 2, "term": 2, **fields}
        before = self.state(1)
        error = self.assertRaises(MessageRefused, self.cluster[1].core.receive, RaftMessage(**whole))  # type: ignore[arg-type]
        self.assertIn(why, str(error))
        self.assertEqual(self.state(1), before)

    def append(self, previous: int, *entries: RaftEntry, committed: int = 0) -> dict[str, object]:
        return {
            "previous_index": previous,
            "previous_term": 2 if previous > 1 else 1,
            "entries": entries,
            "committed": committed,
        }

    def test_without_a_body(self) -> None:
        self.check("without a body")

    def test_for_somebody_else(self) -> None:
        self.check("for replica 3", recipient=3, heartbeat={})

    def test_in_nobodys_name(self) -> None:
        self.check("in the name of replica 0", sender=0, heartbeat={})

    def test_in_the_recipients_own_name(self) -> None:
        self.check("in the name of replica 2", sender=2, heartbeat={})

    def test_without_an_incarnation(self) -> None:
        self.check("incarnation", incarnation=0, heartbeat={})

    def test_an_impossible_term(self) -> None:
        self.check("impossible", term=MOST_NUMBER, heartbeat={})

    def test_an_impossible_index(self) -> None:
        self.check("impossible", append=self.append(MOST_NUMBER))

    def test_an_impossible_commit_index(self) -> None:
        self.check("impossible", heartbeat={"committed": MOST_NUMBER})

    def test_a_vote_for_another_term_than_the_candidates(self) -> None:
        self.check("is asked for in term 2", vote_request={"term": 5})

    def test_a_candidate_with_an_entry_of_the_future(self) -> None:
        self.check("with an entry of term 9", vote_request={"term": 2, "last_term": 9})

    def test_entries_with_a_gap(self) -> None:
        self.check("in the place of", append=self.append(4, RaftEntry(index=6, term=2)))

    def test_entries_out_of_order(self) -> None:
        self.check("in the place of", append=self.append(4, RaftEntry(index=5, term=2), RaftEntry(index=5, term=2)))

    def test_entries_with_falling_terms(self) -> None:
        self.check("after one of term 2", append=self.append(4, RaftEntry(index=5, term=1)))

    def test_an_entry_without_a_term(self) -> None:
        self.check("of term 0", append={"entries": [RaftEntry(index=1)]})

    def test_an_entry_of_a_newer_term_than_its_leader(self) -> None:
        self.check("from a leader of term 2", append=self.append(4, RaftEntry(index=5, term=3)))

    def test_an_entry_of_an_unknown_kind(self) -> None:
        self.check("unknown kind", append=self.append(4, RaftEntry(index=5, term=2, kind=9)))  # type: ignore[arg-type]

    def test_an_entry_over_the_bound(self) -> None:
        self.check("1000 are the most", append=self.append(4, RaftEntry(index=5, term=2, data=b"x" * 1001)))

    def test_too_many_entries(self) -> None:
        entries = [RaftEntry(index=5 + place, term=2) for place in range(10_001)]
        self.check("10000 are the most", append=self.append(4, *entries))

    def test_a_membership_that_does_not_decode(self) -> None:
        entry = RaftEntry(index=5, term=2, kind=RAFT_MEMBERSHIP, data=b"\xff")
        self.check("holds no membership", append=self.append(4, entry))

    def test_a_membership_that_is_two_steps_away(self) -> None:
        entry = RaftEntry(index=5, term=2, kind=RAFT_MEMBERSHIP, data=entry_data(Membership({1: 1001})))
        self.check("more than one member", append=self.append(4, entry))

    def test_a_leader_that_contradicts_what_is_committed(self) -> None:
        self.cluster.tick(3)
        entries = [RaftEntry(index=index, term=1) for index in (2, 3, 4)]
        self.check("contradicts", append={"previous_index": 1, "previous_term": 1, "entries": entries})

    def test_two_leaders_in_a_term(self) -> None:
        self.check("lead in the same term", sender=3, incarnation=INCARNATION + 3, heartbeat={})

    def test_a_leader_that_is_told_that_another_leads(self) -> None:
        self.check_leader("lead in the same term", heartbeat={})

    def test_more_committed_than_was_acknowledged(self) -> None:
        self.check("is said to be acknowledged", heartbeat={"committed": 99})

    def test_an_answer_from_a_stranger(self) -> None:
        self.check_leader("is no member", sender=9, append_answer={"index": 4})

    def test_an_answer_from_another_storage(self) -> None:
        self.check_leader("is no member with the storage 5", incarnation=5, append_answer={"index": 4})

    def test_an_acknowledgement_of_what_was_never_sent(self) -> None:
        self.check_leader("acknowledges entry 99", append_answer={"index": 99})

    def test_a_hint_that_leads_forward(self) -> None:
        self.check_leader("the hint 4", append_answer={"refused": True, "index": 3, "hint_index": 4})

    def test_a_snapshot_of_nothing(self) -> None:
        self.check("a snapshot of entry 0", snapshot={"index": 0, "term": 1})

    def test_a_snapshot_of_the_future(self) -> None:
        self.check("term 3, in term 2", snapshot={"index": 9, "term": 3})

    def test_a_snapshot_with_a_malformed_membership(self) -> None:
        twice = RaftMembership(members=[{"id": 1}, {"id": 1}])  # type: ignore[list-item]
        self.check("cannot be installed", snapshot={"index": 9, "term": 2, "membership": twice})

    def test_too_many_proposals(self) -> None:
        self.check_leader("too many or too long", proposal={"data": [b""] * 10_001})

    def test_a_proposal_over_the_bound(self) -> None:
        self.check_leader("longer than", proposal={"data": [b"x" * 1001]})


class ArbitraryTests(SynchronousTestCase):
    """Any field of any message may be anything."""

    def scramble(self, message: RaftMessage, chance: random.Random) -> RaftMessage:
        """Change a few bytes, if that still decodes, or a number."""
        data = bytearray(message.SerializeToString())
        for _ in range(chance.randint(1, 3)):
            if data:
                data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            changed = RaftMessage.FromString(bytes(data))
        except Exception:  # it does not decode: whoever receives it refuses it
            return message
        changed.recipient = message.recipient
        return changed

    def test_nothing_but_declared_errors(self) -> None:
        chance = random.Random(1)
        refused = 0
        for _ in range(60):
            cluster = Cluster(3)
            cluster.elect(1)
            for step in range(20):
                for id in cluster.leaders():
                    cluster[id].core.propose(b"%d" % step)
                cluster.tick(1)
                replica = cluster[chance.randint(1, 3)]
                replica.core.tick()
                replica.work()
                for message in [self.scramble(one, chance) for one in replica.sent]:
                    try:
                        cluster[message.recipient].core.receive(message)
                    except MessageRefused:
                        refused += 1
        self.assertGreater(refused, 100)


class SeedTests(SynchronousTestCase):
    def test_a_failure_names_its_seed(self) -> None:
        simulation = Simulation(17)
        simulation._is_settled = lambda: False  # type: ignore[method-assign]
        error = self.assertRaises(Violation, simulation.run)
        self.assertIn("again by: python -m tests.replication.raft.simulation 17 --trace", str(error))
