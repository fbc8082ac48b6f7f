"""A copy of the database on its way to a new replica, over a slow link, when either end is killed; and when it arrives.

The file system shows how far the joiner is. Between any two of the steps that put the copy in the database's place,
`tests.replication.test_raft_folders` ends the process exactly; here, a real one is killed wherever it just is.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest
from twisted.trial.unittest import SynchronousTestCase

from coname.core import heads
from coname.messages.client_pb2 import LookupRequest
from coname.replication.raft_folders import Folders
from coname.storage.leveldb import LevelDBStore
from tests.system.cluster import ReplicaProcess
from tests.system.growing import GrowingRealm, Registering
from tests.system.network import Network, needs_network
from tests.system.processes import Stub, wait_for

JOINER = 4

ADDRESSES, KEY_BYTES = 80, 60_000
"""What there is to copy: five megabytes, after four of which a replica no longer has the log from its beginning."""

SLOW_KILOBITS = 4000
"""The joiner's link: all of it takes ten seconds."""

ENOUGH_BYTES = 300_000
"""So much is in its file when somebody is killed: several chunks, and a part of the whole."""

HEARTBEAT_SECONDS = 0.3
"""Longer than usual, so that on a busy machine nobody but the tests deposes a leader."""

AT_ONCE = 0.001
"""Seconds between two looks at what takes less than a tenth of a second."""

_OFFER = re.compile(r"Replica ([0-9a-f]+) sends its database as of entry \d+; (\d+) of (\d+) bytes are here")


class Offer(NamedTuple):
    """What a replica's log says of a copy that it is sent: by whom, and how much of it is there already."""

    sender: int
    held: int
    size: int


class FarRealm(GrowingRealm):
    """A realm whose replicas each have a machine of their own."""

    def __init__(self, folder: Path, size: int, network: Network) -> None:
        self._network = network
        super().__init__(folder, size)
        for replica in self.replicas.values():
            content = json.loads(replica.config.read_text())
            content["raft_heartbeat"] = {"nanos": round(HEARTBEAT_SECONDS * 1e9)}
            replica.config.write_text(json.dumps(content))

    def host(self, number: int) -> str:
        return self._network.address(number)

    def process(self, number: int) -> ReplicaProcess:
        return ReplicaProcess(self.folder, number, self.host(number), self._network.command(number))


@pytest.mark.xdist_group("network")
class CopyKilledTests(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        needs_network()
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.network = Network(JOINER)
        self.addCleanup(self.network.clean_up)
        self.realm = FarRealm(folder, JOINER - 1, self.network)
        self.addCleanup(self.realm.clean_up)
        self.realm.start()
        keys = [{"note": os.urandom(KEY_BYTES)} for _ in range(ADDRESSES)]
        with ThreadPoolExecutor(8) as clients:
            list(clients.map(lambda each: self.realm.register(1, keys=each), keys))
        self.joiner = self.realm.prepare(JOINER, model=1)
        self.folders = Folders(self.joiner.settings.data_folder)

    def others(self, *numbers: int) -> Sequence[int]:
        """The replicas that there were, but for these."""
        return [number for number in range(1, JOINER) if number not in numbers]

    def join(self) -> None:
        """Until the joiner has a part of the copy."""
        self.network.slow(JOINER, SLOW_KILOBITS)
        self.joiner.begin()
        self.realm.add(JOINER, 1, "--no-wait")
        wait_for(lambda: self.arrived() > ENOUGH_BYTES, f"a part of the copy is there{self.realm.logs()}")

    def arrived(self) -> int:
        """How much of a copy the joiner has on its disk."""
        try:
            return self.folders.arriving.stat().st_size
        except FileNotFoundError:
            return 0

    def offers(self) -> Sequence[Offer]:
        """All that the joiner was sent."""
        found = _OFFER.findall(self.joiner.log.read_text())
        return [Offer(int(sender, 16), int(held), int(size)) for sender, held, size in found]

    def sender(self, offer: Offer) -> int:
        """The number of who sent it."""
        [found] = [one for one in self.others() if self.realm.replicas[one].settings.replica_id == offer.sender]
        return found

    def check_joined(self, at: int) -> None:
        """The joiner votes, and all replicas have the same: all that was acknowledged, under one head."""
        wait_for(lambda: self.realm.role(JOINER, at) == "voter", f"it signs{self.realm.logs()}")
        self.realm.register(JOINER)
        everybody = [*self.others(), JOINER]
        for number in everybody:
            self.realm.check(number)
        wait_for(lambda: len({self.head(number) for number in everybody}) == 1, "all answer from one head")
        self.assertFalse(self.folders.incoming.exists())
        for number in everybody:
            self.realm.replicas[number].stop()
        first, *rest = map(self.epochs, everybody)
        for other in rest:
            common = min(len(first), len(other))
            self.assertGreater(common, 5)
            self.assertEqual(first[:common], other[:common])

    def head(self, number: int) -> bytes:
        """What a replica answers from."""
        with self.realm.replicas[number].channel() as channel:
            proof = Stub(channel).lookup(LookupRequest(user_id="nobody@example.com"))
        return max((heads.parse(one.head) for one in proof.ratifications), key=lambda head: head.epoch).epoch_head

    def epochs(self, number: int) -> list[tuple[bytes, bytes]]:
        """All that the database of a replica has, stopped."""
        store = LevelDBStore(self.realm.replicas[number].settings.data_folder, create=False)
        try:
            return list(store.iterate(b"e", b"f"))
        finally:
            store.close()

    def test_the_receiver_goes_on_where_it_was(self) -> None:
        with Registering(self.realm, self.others):
            self.join()
            self.joiner.kill()
            held = self.arrived()
            self.network.quicken(JOINER)
            self.joiner.begin()
            wait_for(lambda: len(self.offers()) > 1, "the copy is offered again")
            first, second, *_ = self.offers()
            self.assertEqual((first.held, second), (0, Offer(first.sender, held, first.size)))
            self.assertLess(held, first.size)
        self.check_joined(at=1)

    def test_the_sender_and_another_leader_sends_its_own(self) -> None:
        serving = list(self.others())
        with Registering(self.realm, lambda: tuple(serving)):
            self.join()
            [first] = self.offers()
            leader = self.sender(first)
            serving.remove(leader)
            self.realm.replicas[leader].kill()
            self.assertLess(self.arrived(), first.size)
            before = len(self.realm.acknowledged)
            self.network.quicken(JOINER)
            wait_for(lambda: len(self.offers()) > 1, "another copy is offered")
            second = self.offers()[1]
            self.assertIn(self.sender(second), serving)
            self.assertEqual(second.held, 0)
            wait_for(lambda: len(self.realm.acknowledged) > before, "registrations go on")
            wait_for(lambda: self.realm.role(JOINER, serving[0]) == "voter", "it signs")
        self.realm.start(leader)
        self.check_joined(at=leader)

    def test_the_receiver_while_it_makes_a_database_of_it_and_while_that_is_put_in_place(self) -> None:
        built, installing = self.folders.built, self.joiner.settings.data_folder.with_name("database-installing")
        with Registering(self.realm, self.others):
            self.join()
            self.network.quicken(JOINER)
            wait_for(built.exists, "a database is made of it", pause=AT_ONCE)
            self.joiner.kill()
            self.assertTrue(built.exists() or installing.exists())
            self.joiner.begin()
            wait_for(installing.exists, f"it counts{self.realm.logs()}", pause=AT_ONCE)
            self.joiner.kill()
            self.assertTrue(installing.exists())
            self.joiner.begin()
            wait_for(lambda: "The database is another replica's now" in self.joiner.log.read_text(), "it is in place")
        self.check_joined(at=1)
