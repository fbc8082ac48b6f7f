"""What the tracing store tells, and how it fails."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Corrupt, Unavailable
from coname.interfaces import Put
from coname.storage.memory import MemoryStore
from coname.storage.tracing import Event, Fault, TracingStore

A, B = [Put(b"a", b"1")], [Put(b"b", b"2")]


class TracingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.trace: list[Event] = []
        self.inner = MemoryStore()
        self.store = TracingStore(self.inner, self.trace)


class TraceTests(TracingCase):
    def test_events_come_in_order(self) -> None:
        self.store.write(A, sync=False)
        self.store.write(B, sync=True)
        self.assertEqual(self.trace, [("write", A, False), ("write", B, True), ("durable", 2)])

    def test_events_go_to_a_function_too(self) -> None:
        told: list[Event] = []
        TracingStore(self.inner, told.append).write(A, sync=True)
        self.assertEqual(told, [("write", A, True), ("durable", 1)])

    def test_a_write_is_told_before_it_happens_and_durable_after(self) -> None:
        seen: list[object] = []
        TracingStore(self.inner, lambda event: seen.append((event[0], self.inner.get(b"a")))).write(A, sync=True)
        self.assertEqual(seen, [("write", None), ("durable", b"1")])


class FaultTests(TracingCase):
    def test_a_failed_write_is_reported_and_not_kept(self) -> None:
        self.store.fail_at(2, Fault.FAIL)
        self.store.write(A, sync=True)
        self.assertRaises(Corrupt, self.store.write, B, True)
        self.assertIsNone(self.store.get(b"b"))
        self.assertEqual(self.trace[-1], ("failed", 2))
        self.store.write(B, sync=True)
        self.assertEqual(self.store.get(b"b"), b"2")

    def test_a_lost_write_is_not_kept_and_not_reported(self) -> None:
        self.store.fail_at(1, Fault.LOSE)
        self.store.write(A, sync=True)
        self.assertIsNone(self.store.get(b"a"))

    def test_a_kept_write_may_be_reported_as_failed(self) -> None:
        self.store.fail_at(1, Fault.KEEP)
        self.assertRaises(Corrupt, self.store.write, A, True)
        self.assertEqual(self.store.get(b"a"), b"1")

    def test_a_crash_ends_everything(self) -> None:
        for fault in Fault:
            store = TracingStore(MemoryStore(), [])
            store.fail_at(1, fault, crash=True)
            try:
                store.write(A, sync=True)
            except Corrupt:
                self.assertIsNot(fault, Fault.LOSE)
            self.assertRaises(Unavailable, store.write, B, True)
            self.assertRaises(Unavailable, store.get, b"a")
            self.assertRaises(Unavailable, store.iterate, b"a", b"b")
