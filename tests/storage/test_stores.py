"""What every `IKeyValueStore` promises, run over each of them."""

from __future__ import annotations

import threading

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from coname.errors import Unavailable
from coname.interfaces import Delete, IKeyValueStore, Put
from coname.storage.leveldb import LevelDBStore
from coname.storage.memory import MemoryStore
from coname.storage.tracing import TracingStore

from .folders import new_path


class StoreContract:
    """Mixed into a test case that has ``makeStore``."""

    def setUp(self) -> None:
        self.store = self.makeStore()
        self.addCleanup(lambda: self.store.close())
        self.store.write([Put(b"a", b"1"), Put(b"b", b"2"), Put(b"ba", b""), Put(b"c", b"3")], sync=True)

    def test_provides_the_interface(self) -> None:
        self.assertTrue(verifyObject(IKeyValueStore, self.store))

    def test_get_returns_what_was_put(self) -> None:
        self.assertEqual(self.store.get(b"b"), b"2")

    def test_an_empty_value_is_not_absence(self) -> None:
        self.assertEqual(self.store.get(b"ba"), b"")

    def test_get_of_an_absent_key_is_none(self) -> None:
        self.assertIsNone(self.store.get(b"bb"))

    def test_put_replaces(self) -> None:
        self.store.write([Put(b"a", b"new")], sync=False)
        self.assertEqual(self.store.get(b"a"), b"new")

    def test_delete_removes(self) -> None:
        self.store.write([Delete(b"a")], sync=False)
        self.assertIsNone(self.store.get(b"a"))

    def test_deleting_what_is_absent_is_no_error(self) -> None:
        self.store.write([Delete(b"never")], sync=True)
        self.assertIsNone(self.store.get(b"never"))

    def test_the_last_write_to_a_key_in_a_batch_wins(self) -> None:
        self.store.write([Put(b"x", b"1"), Delete(b"x"), Put(b"x", b"2"), Put(b"y", b"1"), Delete(b"y")], sync=True)
        self.assertEqual((self.store.get(b"x"), self.store.get(b"y")), (b"2", None))

    def test_an_empty_batch_is_no_error(self) -> None:
        self.store.write([], sync=False)
        self.store.write([], sync=True)
        self.assertEqual(len(list(self.store.iterate(b"", b"\xff"))), 4)

    def test_binary_keys_and_values_are_kept_as_they_are(self) -> None:
        key, value = b"\x00\xfe\x00", bytes(range(256)) * 400
        self.store.write([Put(key, value)], sync=True)
        self.assertEqual(self.store.get(key), value)

    def test_iterate_is_ascending_from_start_to_before_stop(self) -> None:
        self.assertEqual(list(self.store.iterate(b"a", b"c")), [(b"a", b"1"), (b"b", b"2"), (b"ba", b"")])

    def test_iterate_in_reverse_has_the_same_bounds(self) -> None:
        self.assertEqual(list(self.store.iterate(b"a", b"c", reverse=True)), [(b"ba", b""), (b"b", b"2"), (b"a", b"1")])

    def test_iterate_in_reverse_finds_a_record_at_start(self) -> None:
        self.assertEqual(list(self.store.iterate(b"a", b"b", reverse=True)), [(b"a", b"1")])

    def test_bounds_need_not_be_keys(self) -> None:
        self.assertEqual([key for key, _ in self.store.iterate(b"aa", b"bz")], [b"b", b"ba"])

    def test_bounds_in_reverse_need_not_be_keys(self) -> None:
        self.assertEqual([key for key, _ in self.store.iterate(b"aa", b"bz", reverse=True)], [b"ba", b"b"])

    def test_the_widest_range_holds_every_record_and_nothing_else(self) -> None:
        self.assertEqual([key for key, _ in self.store.iterate(b"", b"\xff" * 40)], [b"a", b"b", b"ba", b"c"])

    def test_the_widest_range_in_reverse_too(self) -> None:
        keys = [key for key, _ in self.store.iterate(b"", b"\xff" * 40, reverse=True)]
        self.assertEqual(keys, [b"c", b"ba", b"b", b"a"])

    def test_an_empty_range_is_empty(self) -> None:
        self.assertEqual(list(self.store.iterate(b"bb", b"c")), [])
        self.assertEqual(list(self.store.iterate(b"bb", b"c", reverse=True)), [])
        self.assertEqual(list(self.store.iterate(b"c", b"a")), [])

    def test_iterate_shows_the_store_as_of_the_call(self) -> None:
        before = self.store.iterate(b"a", b"z")
        backwards = self.store.iterate(b"a", b"z", reverse=True)
        self.store.write([Put(b"d", b"4"), Delete(b"a"), Put(b"b", b"new")], sync=True)
        self.assertEqual(list(before), [(b"a", b"1"), (b"b", b"2"), (b"ba", b""), (b"c", b"3")])
        self.assertEqual(list(backwards)[-1], (b"a", b"1"))

    def test_closing_again_does_nothing(self) -> None:
        self.store.close()
        self.store.close()

    def test_a_closed_store_is_unavailable(self) -> None:
        self.store.close()
        self.assertRaises(Unavailable, self.store.get, b"a")
        self.assertRaises(Unavailable, lambda: list(self.store.iterate(b"a", b"b")))
        self.assertRaises(Unavailable, self.store.write, [], False)

    def test_threads_read_and_write_at_once(self) -> None:
        errors: list[BaseException] = []

        def work(number: int) -> None:
            try:
                for step in range(50):
                    key = b"t%d-%d" % (number, step)
                    self.store.write([Put(key, key)], sync=step % 10 == 0)
                    if self.store.get(key) != key or (key, key) not in self.store.iterate(b"t", b"u"):
                        raise AssertionError(key)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])
        self.assertEqual(len(list(self.store.iterate(b"t", b"u"))), 200)


class LevelDBStoreTests(StoreContract, SynchronousTestCase):
    def makeStore(self) -> IKeyValueStore:
        return LevelDBStore(new_path(self), create=True)


class MemoryStoreTests(StoreContract, SynchronousTestCase):
    def makeStore(self) -> IKeyValueStore:
        return MemoryStore()


class TracingStoreTests(StoreContract, SynchronousTestCase):
    def makeStore(self) -> IKeyValueStore:
        return TracingStore(MemoryStore(), [])
