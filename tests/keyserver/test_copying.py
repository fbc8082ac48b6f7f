from __future__ import annotations

import struct
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from coname.core.quorums import replica_policy
from coname.core.signatures import SigningKey, public_key_message
from coname.core.types import Epoch
from coname.errors import Corrupt, Unavailable
from coname.interfaces import IKeyValueStore, Put
from coname.keyserver import tables
from coname.keyserver.copying import FORMAT, DatabaseCopies
from coname.messages.client_pb2 import LookupRequest
from coname.messages.config_pb2 import Replica
from coname.storage.leveldb import LevelDBStore
from coname.storage.memory import MemoryStore
from coname.storage.tree import EMPTY
from tests.keyserver.harness import REALM, Owner, World


class CopyCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.begin()
        self.owner = Owner("alice@example.com")
        self.world.replica.update(self.world.realm.request(self.owner))
        self.world.settle(2)
        self.place = Path(self.mktemp())
        self.place.mkdir()
        self.path, self.folder = self.place / "copy", self.place / "database"

    def copies(self, store: IKeyValueStore | None = None, realm: str = REALM) -> DatabaseCopies:
        return DatabaseCopies(store or self.world.store, realm, self.world.realm.policy, b"", 1 << 20)

    def write(self) -> int:
        return self.copies().write(self.path)

    def build(self) -> int:
        return self.copies().build(self.path, self.folder)

    def refused(self, because: str) -> None:
        self.assertIn(because, str(self.assertRaises(Corrupt, self.build)))


class CopyTests(CopyCase):
    def test_a_database_made_of_a_copy_holds_the_same(self) -> None:
        index = self.write()
        self.assertEqual(index, self.world.replica.state.applied_index)
        self.assertEqual(self.build(), index)
        store = LevelDBStore(self.folder, create=False)
        self.addCleanup(store.close)
        own = [(key, value) for key, value in self.world.store.iterate(b"\x00", b"\xff") if key[:1] not in (b"l", b"x")]
        self.assertEqual(list(store.iterate(b"\x00", b"\xff")), own)

    def test_a_replica_on_it_gives_the_same_answers(self) -> None:
        self.write()
        self.build()
        store = LevelDBStore(self.folder, create=False)
        self.addCleanup(store.close)
        other = World(self.world.realm, store, start=self.world.now)
        other.lookups.start(other.parts.machine.resumed().state, other.parts.machine.resumed().frontier)
        request = LookupRequest(user_id="alice@example.com")
        self.assertEqual(other.replica.lookup(request).protobuf(), self.world.replica.lookup(request).protobuf())

    def test_what_belongs_to_one_replica_alone_stays(self) -> None:
        self.world.store.write([Put(b"l\x00", b"log"), Put(b"x\x00", b"etcd's memory")], True)
        self.write()
        self.build()
        store = LevelDBStore(self.folder, create=False)
        self.addCleanup(store.close)
        self.assertEqual([store.get(b"l\x00"), store.get(b"x\x00")], [None, None])

    def test_there_is_no_copy_of_nothing(self) -> None:
        self.assertRaises(Unavailable, self.copies(MemoryStore()).write, self.path)

    def test_what_is_written_meanwhile_is_not_in_it(self) -> None:
        store = LevelDBStore(self.place / "other", create=True)
        self.addCleanup(store.close)
        store.write([Put(key, value) for key, value in self.world.store.iterate(b"\x00", b"\xff")], True)

        class Interfering:
            def iterate(self, start: bytes, stop: bytes) -> object:
                records = store.iterate(start, stop)
                yield next(records)
                store.write([Put(b"u" + bytes(32), bytes(12))], False)
                yield from records

        self.copies(Interfering()).write(self.path)  # type: ignore[arg-type]
        self.assertNotIn(b"u" + bytes(32), self.path.read_bytes())


class RefusalTests(CopyCase):
    def change(self, key: bytes, value: bytes) -> None:
        """A copy of a database in which one record is another."""
        self.world.store.write([Put(key, value)], True)
        self.write()

    def test_something_else(self) -> None:
        self.path.write_bytes(b"something else")
        self.refused("not a copy")

    def test_one_that_is_cut_short_anywhere(self) -> None:
        self.write()
        whole = self.path.read_bytes()
        for number, size in enumerate(range(len(FORMAT), len(whole), 397)):
            self.path.write_bytes(whole[:size])
            self.folder = self.place / f"database {number}"
            self.assertRaises(Corrupt, self.build)

    def test_records_out_of_order(self) -> None:
        record = struct.pack(">HI", 2, 1) + b"ab" + b"c"
        self.path.write_bytes(FORMAT + record + record)
        self.refused("not in order")

    def test_another_engines_records(self) -> None:
        self.path.write_bytes(FORMAT + struct.pack(">HI", 2, 1) + b"la" + b"c")
        self.refused("not of the state")

    def test_a_record_of_impossible_size(self) -> None:
        self.path.write_bytes(FORMAT + struct.pack(">HI", 2, 1 << 31) + b"ab" + b"c")
        self.refused("a record of 2147483648 bytes")

    def test_no_records(self) -> None:
        self.path.write_bytes(FORMAT)
        self.refused("does not say which log entries")

    def test_another_realm(self) -> None:
        self.write()
        copies = self.copies(realm="another")
        self.assertRaises(Corrupt, copies.build, self.path, self.folder)

    def test_an_epoch_that_the_replicas_did_not_sign(self) -> None:
        self.write()
        key = SigningKey.generate()
        strangers = replica_policy([Replica(id=key.key_id, public_keys=[public_key_message(key.public)])])
        copies = DatabaseCopies(self.world.store, REALM, strangers, b"", 1 << 20)
        self.assertIn("is not signed by", str(self.assertRaises(Corrupt, copies.build, self.path, self.folder)))

    def test_a_tree_that_is_not_the_one_that_was_signed(self) -> None:
        epoch = Epoch(self.world.replica.state.ratified_epoch)
        record = tables.read_epoch(self.world.store, epoch)
        record.tree_root = EMPTY
        self.change(tables.epoch_key(epoch), record.SerializeToString())
        self.refused("tree is another")

    def test_an_epoch_that_is_not_the_one_that_was_signed(self) -> None:
        epoch = Epoch(self.world.replica.state.ratified_epoch)
        record = tables.read_epoch(self.world.store, epoch)
        record.head = tables.read_epoch(self.world.store, Epoch(1)).head
        self.change(tables.epoch_key(epoch), record.SerializeToString())
        self.refused("another than the one that was signed")
