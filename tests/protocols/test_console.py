"""What the operator's helpers print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from coname.configuration.describing import describe
from coname.errors import ConameError, Refused, Unavailable
from coname.interfaces import IAdministration
from coname.keyserver.answers import Answer
from coname.messages.client_pb2 import LookupRequest, PublicKey
from coname.messages.cluster_pb2 import ClusterStatus
from coname.messages.config_pb2 import Replica
from coname.messages.replication_pb2 import ReplicaChange
from coname.messages.stored_pb2 import JOINING, VOTER
from coname.protocols.console import Console, tabulated
from tests.protocols.realm import SmallKeyserver


@implementer(IAdministration)
class SmallAdministration:
    """An administration that notes what it is asked to do.

    :ivar proposals: what `proposeEpoch` returned.
    """

    def __init__(self) -> None:
        self.keyserver = SmallKeyserver(now=1_700_000_000)
        self.keyserver.register("alice@example.com", {"pgp": bytes(100), "ssh": bytes(7)})
        self.proposals: list[Deferred[int]] = []
        self.closed = 3
        self.replicas = ClusterStatus(realm="realm.test", answered_by=0xAB << 56, leader=0xAB << 56, epoch=7)
        self.replicas.members.add(role=VOTER, known=True, connected=True, in_log=True, votes=True).replica.CopyFrom(
            Replica(id=0xAB << 56, raft_addr="ks1.test:9807")
        )
        self.replicas.members.add(role=JOINING, known=True, behind=-1).replica.CopyFrom(
            Replica(id=0xCD << 56, raft_addr="ks2.test:9807")
        )
        self.changes: list[ReplicaChange] = []
        self.takes_changes = True

    def status(self) -> Mapping[str, object]:
        return {"realm": "realm.test", "epoch": 7, "in rotation": self.keyserver.inRotation, "since": None}

    def epochs(self, count: int) -> Sequence[Mapping[str, object]]:
        newest = range(self.closed, 0, -1)
        return [{"epoch": epoch, "root": bytes([epoch]) * 4, "ratified": epoch < 3} for epoch in newest][:count]

    def verifiers(self) -> Sequence[Mapping[str, object]]:
        return [{"verifier": "1f", "connected": "no", "epochs behind": 3}][: self.closed]

    def cluster(self) -> ClusterStatus:
        return self.replicas

    def changeReplicas(self, change: ReplicaChange) -> Deferred[None]:
        self.changes.append(change)
        return succeed(None) if self.takes_changes else fail(Refused("one change at a time"))

    def lookup(self, user_id: str) -> Answer:
        return self.keyserver.lookup(LookupRequest(user_id=user_id))

    def setRotation(self, inRotation: bool) -> None:
        self.keyserver.inRotation = inRotation

    def proposeEpoch(self) -> Deferred[int]:
        self.proposals.append(Deferred())
        return self.proposals[-1]


class Helpers(SynchronousTestCase):
    def setUp(self) -> None:
        self.administration = SmallAdministration()
        self.printed = ""
        self.width = 80
        self.console = Console(self.administration, self._print, lambda: self.width)

    def _print(self, text: str) -> None:
        self.printed += text

    def test_the_administration_is_one(self) -> None:
        verifyObject(IAdministration, self.administration)

    def test_status(self) -> None:
        self.console.status()
        lines = self.printed.splitlines()
        self.assertEqual([line.split()[-1] for line in lines], ["realm.test", "7", "yes", "-"])
        self.assertEqual(len({line.rstrip().rindex(line.split()[-1]) for line in lines}), 1)

    def test_cluster(self) -> None:
        self.console.cluster()
        head, voter, joining, remark = self.printed.splitlines()
        self.assertEqual(head.split(), ["replica", "role", "address", "connected", "behind"])
        self.assertEqual(voter.split()[1:], ["voter", "ks1.test:9807", "asked", "0", "leader"])
        self.assertEqual(joining.split()[1:], ["joining", "ks2.test:9807", "no", "-"])
        self.assertIn("is it running?", remark)

    def test_a_replica_is_added_by_its_description(self) -> None:
        new = Replica(id=5, public_keys=[PublicKey(ed25519=bytes(32))], raft_addr="ks3.test:9807")
        path = Path(self.mktemp())
        path.write_bytes(describe("realm.test", new))
        self.console.helpers["cluster_add"](str(path))
        self.assertEqual(self.administration.changes, [ReplicaChange(add=new)])
        self.assertIn("the change has begun", self.printed)

    def test_a_replica_of_another_realm_is_not_added(self) -> None:
        new = Replica(id=5, public_keys=[PublicKey(ed25519=bytes(32))], raft_addr="ks3.test:9807")
        path = Path(self.mktemp())
        path.write_bytes(describe("other.test", new))
        self.console.helpers["cluster_add"](str(path))
        self.assertEqual(self.administration.changes, [])
        self.assertIn("for the realm 'other.test'", self.printed)

    def test_a_description_that_is_none(self) -> None:
        self.console.helpers["cluster_add"]("/nowhere/replica.json")
        self.assertIn("misconfigured: /nowhere/replica.json", self.printed)

    def test_a_replica_is_removed_by_the_beginning_of_its_id(self) -> None:
        self.console.helpers["cluster_remove"]("cd")
        self.assertEqual(self.administration.changes, [ReplicaChange(remove=0xCD << 56)])

    def test_an_id_of_nobody(self) -> None:
        self.console.helpers["cluster_remove"]("ee")
        self.assertEqual(self.administration.changes, [])
        self.assertIn("the id of no replicas", self.printed)

    def test_a_change_that_is_refused_says_why(self) -> None:
        self.administration.takes_changes = False
        self.console.helpers["cluster_remove"]("cd")
        self.assertIn("refused: one change at a time", self.printed)

    def test_epochs(self) -> None:
        self.console.epochs()
        self.assertEqual(
            [line.split() for line in self.printed.splitlines()],
            [
                ["epoch", "root", "ratified"],
                ["3", "03030303", "no"],
                ["2", "02020202", "yes"],
                ["1", "01010101", "yes"],
            ],
        )

    def test_some_epochs(self) -> None:
        self.console.epochs(1)
        self.assertEqual(len(self.printed.splitlines()), 2)

    def test_no_epochs_yet(self) -> None:
        self.administration.closed = 0
        self.console.epochs()
        self.assertEqual(self.printed, "no epoch has been closed yet\n")

    def test_verifiers(self) -> None:
        self.console.verifiers()
        self.assertEqual(self.printed.splitlines()[1].split(), ["1f", "no", "3"])

    def test_no_verifiers(self) -> None:
        self.administration.closed = 0
        self.console.verifiers()
        self.assertIn("no verifier is configured", self.printed)

    def test_a_lookup(self) -> None:
        self.console.lookup("Alice@Example.com")
        self.assertIn("alice@example.com", self.printed)
        self.assertIn("100 bytes", self.printed)
        self.assertIn("key ssh", self.printed)

    def test_a_lookup_of_nobody(self) -> None:
        self.console.lookup("bob@example.com")
        self.assertIn("not registered", self.printed)

    def test_a_lookup_that_fails(self) -> None:
        self.administration.keyserver.error = Unavailable("no epoch yet")
        self.console.helpers["lookup"]("bob@example.com")
        self.assertEqual(self.printed, "unavailable: no epoch yet\n")

    def test_a_lookup_of_no_address(self) -> None:
        self.console.helpers["lookup"]("bob")
        self.assertTrue(self.printed.startswith("invalid_request: "))

    def test_out_of_rotation_and_in(self) -> None:
        self.console.rotation(False)
        self.assertFalse(self.administration.keyserver.inRotation)
        self.console.rotation(True)
        self.assertTrue(self.administration.keyserver.inRotation)
        self.assertEqual(self.printed, "this replica is out of rotation\nthis replica is in rotation\n")

    def test_an_epoch_is_proposed_and_ratified(self) -> None:
        self.console.propose_epoch()
        self.printed = ""
        self.administration.proposals[0].callback(8)
        self.assertEqual(self.printed, "epoch 8 is ratified\n")

    def test_an_epoch_that_fails(self) -> None:
        self.console.propose_epoch()
        self.printed = ""
        self.administration.proposals[0].errback(ConameError("nobody leads"))
        self.assertEqual(self.printed, "internal: nobody leads\n")

    def test_help_lists_all_helpers(self) -> None:
        self.console.help()
        for usage in ("status()", "epochs(count=10)", "lookup(address)", "rotation(wanted)", "propose_epoch()"):
            self.assertIn(usage, self.printed)

    def test_every_helper_explains_itself(self) -> None:
        for helper in self.console.helpers.values():
            self.assertGreater(len(helper.__doc__ or ""), 20)

    def test_help_for_one(self) -> None:
        self.console.help(self.console.helpers["epochs"])
        self.assertIn("epochs(count=10)", self.printed)
        self.assertIn("at most 1000", self.printed)

    def test_help_for_something_else(self) -> None:
        self.console.help(print)
        self.console.help(7)
        self.assertIn("print(", self.printed)


class Tables(SynchronousTestCase):
    def test_they_fit_the_terminal(self) -> None:
        text = tabulated(("name", "value"), [("index", "ab" * 32), ("a long name for a thing", 7)], width=40)
        self.assertLessEqual(max(map(len, text.splitlines())), 40)

    def test_nothing_is_lost_in_a_narrow_one(self) -> None:
        text = tabulated(("", ""), [("index", "ab" * 32)], width=30)
        self.assertEqual("".join(text.split()).count("ab"), 32)

    def test_what_users_wrote_is_shown_as_it_is(self) -> None:
        self.assertIn("[red]:smile:", tabulated(("", ""), [("name", "[red]:smile:")], width=80))

    def test_control_characters_do_not_reach_the_terminal(self) -> None:
        self.assertNotIn("\x1b", tabulated(("", ""), [("name", "\x1b[31mred")], width=80))
