"""Blobs between replicas: whole, resumed, damaged, given up, and several at once."""

from __future__ import annotations

import hashlib
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Corrupt, Refused, Unavailable
from coname.protocols.replication_rate import WINDOW_CHUNKS, Rate, Window
from coname.protocols.replication_sending import TransferFailure
from coname.protocols.replication_wire import METADATA_BYTES, PIECE_BYTES
from tests.protocols.replication_case import NOWHERE, Blob, Replica, ReplicationCase, Sink

DATA = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(40_000))  # 1.28 MB: 20 chunks


class TransfersTests(ReplicationCase):
    async def fails(self, done: Deferred[None], kind: type[Exception]) -> str:
        """What `done` fails with."""
        try:
            await done
        except kind as error:
            return str(error)
        raise AssertionError("it did not fail")

    def cut(self, sender: Replica, peer: int = 2) -> None:
        """Break the connection on which `sender` sends."""
        session: Any = sender.network._peers[peer].outgoing._session
        session.cut()

    async def test_a_blob_arrives_whole_with_its_metadata(self) -> None:
        first, second = await self.pair()
        await first.network.offer(2, 7, Blob(DATA, b"index 12"))
        [sink] = second.receiver.sinks
        self.assertEqual((bytes(sink.data), sink.end), (DATA, "finished"))
        self.assertEqual(second.receiver.begun, [(1, 7, len(DATA), hashlib.sha256(DATA).digest(), b"index 12")])

    async def test_an_empty_blob_arrives(self) -> None:
        first, second = await self.pair()
        await first.network.offer(2, 7, Blob(b""))
        self.assertEqual(second.receiver.sinks[0].end, "finished")

    async def test_a_blob_offered_before_there_is_a_connection_arrives(self) -> None:
        first, second = self.replica(1), self.replica(2)
        first.network.set_peers({2: second.address})
        done = first.network.offer(2, 1, Blob(DATA))
        second.network.set_peers({1: first.address})
        await done
        self.assertEqual(bytes(second.receiver.sinks[-1].data), DATA)

    async def test_it_goes_on_where_a_broken_connection_left_it(self) -> None:
        first, second = await self.pair()
        cut_once = self.cut_at(first, 6 * PIECE_BYTES)
        second.receiver.prepare = lambda sink: setattr(sink, "before_write", cut_once)
        blob = Blob(DATA)
        await first.network.offer(2, 7, blob)
        before, after = second.receiver.sinks
        self.assertEqual((before.end, after.end), ("interrupted", "finished"))
        self.assertGreaterEqual(after.offset, 6 * PIECE_BYTES)
        self.assertEqual(bytes(after.data), DATA)
        self.assertEqual(blob.reads.count(0), 1)
        self.assertEqual(len(second.receiver.begun), 2)

    def cut_at(self, sender: Replica, at: int) -> Any:
        done = []

        def before_write(offset: int) -> None:
            if offset >= at and not done:
                done.append(offset)
                self.cut(sender)

        return before_write

    async def test_what_is_there_from_before_a_restart_is_hashed_again(self) -> None:
        first, second = await self.pair()
        held = DATA[:200_000]
        second.receiver.prepare = lambda sink: sink.__init__(held)  # type: ignore[misc]
        blob = Blob(DATA)
        await first.network.offer(2, 7, blob)
        self.assertEqual(min(blob.reads), 200_000)
        self.assertEqual(bytes(second.receiver.sinks[0].data), DATA)

    async def test_what_was_damaged_since_is_noticed(self) -> None:
        first, second = await self.pair()
        held = bytes(200_000)
        second.receiver.prepare = lambda sink: sink.__init__(held)  # type: ignore[misc]
        words = await self.fails(first.network.offer(2, 7, Blob(DATA)), Corrupt)
        self.assertIn("wrong hash", words)
        self.assertTrue(second.receiver.sinks[0].end.startswith("abandoned: it has another hash"))

    async def test_a_blob_with_another_hash_than_announced_is_abandoned(self) -> None:
        first, second = await self.pair()
        await self.fails(first.network.offer(2, 7, Blob(DATA, sha256=bytes(32))), Corrupt)
        self.assertTrue(second.receiver.sinks[0].end.startswith("abandoned"))
        self.assertTrue(first.network.connected(2))

    async def test_a_disk_error_ends_the_transfer_and_nothing_else(self) -> None:
        first, second = await self.pair()

        def full(offset: int) -> None:
            if offset >= 3 * PIECE_BYTES:
                raise OSError(28, "No space left on device")

        second.receiver.prepare = lambda sink: setattr(sink, "before_write", full)
        words = await self.fails(first.network.offer(2, 7, Blob(DATA)), Unavailable)
        self.assertIn("not written", words)
        self.assertEqual(second.receiver.sinks[0].end, "abandoned: it could not be stored")
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)
        first.network.send(2, b"goes on")
        await self.until(lambda: second.heard)
        self.assertEqual(first.changes, [(2, True)])

    async def test_after_a_failure_the_same_blob_can_be_offered_again(self) -> None:
        first, second = await self.pair()
        second.receiver.wanted = False
        await self.fails(first.network.offer(2, 7, Blob(DATA)), Refused)
        second.receiver.wanted = True
        await first.network.offer(2, 7, Blob(DATA))
        self.assertEqual(bytes(second.receiver.sinks[0].data), DATA)

    async def test_a_blob_that_nobody_wants_is_refused(self) -> None:
        first, second = await self.pair()
        second.receiver.wanted = False
        self.assertIn("not wanted", await self.fails(first.network.offer(2, 7, Blob(DATA)), Refused))

    async def test_a_blob_that_cannot_be_read_is_given_up_on_both_sides(self) -> None:
        first, second = await self.pair()
        blob = Blob(DATA)
        blob.read = lambda offset, size: DATA[offset : offset + size] if offset < 300_000 else 1 / 0  # type: ignore[method-assign,assignment,return-value]
        await self.fails(first.network.offer(2, 7, blob), ZeroDivisionError)  # type: ignore[arg-type]
        await self.until(lambda: second.receiver.sinks[0].end)
        self.assertEqual(second.receiver.sinks[0].end, "abandoned: the sender gave it up")

    async def test_a_blob_that_is_shorter_than_announced_is_given_up(self) -> None:
        first, _ = await self.pair()
        blob = Blob(DATA)
        blob.size += 1
        await self.fails(first.network.offer(2, 7, blob), Corrupt)

    async def test_it_is_cancelled_on_both_sides(self) -> None:
        first, second = await self.pair()
        held: Deferred[None] = Deferred()
        second.receiver.prepare = lambda sink: setattr(sink, "before_write", lambda _: held)
        done = first.network.offer(2, 7, Blob(DATA))
        await self.until(lambda: second.receiver.sinks)
        done.cancel()
        await self.fails(done, CancelledError)
        first.network.send(2, b"after")
        await self.until(lambda: second.heard)
        held.callback(None)
        await self.until(lambda: second.receiver.sinks[0].end)
        self.assertEqual(second.receiver.sinks[0].end, "abandoned: the sender gave it up")

    async def test_two_at_once_take_turns(self) -> None:
        first, second = await self.pair()
        other = DATA[::-1]
        blobs = Blob(DATA), Blob(other)
        order: list[int] = []
        second.receiver.prepare = lambda sink: setattr(
            sink, "before_write", lambda _: order.append(second.receiver.sinks.index(sink))
        )
        done = [first.network.offer(2, number, blob) for number, blob in enumerate(blobs)]
        for one in done:
            await one
        self.assertEqual([bytes(sink.data) for sink in second.receiver.sinks], [DATA, other])
        self.assertLess(order.index(1), len(order) // 2)

    async def test_many_wait_for_each_other(self) -> None:
        first, second = await self.pair()
        done = [first.network.offer(2, number, Blob(DATA[:100_000])) for number in range(12)]
        for one in done:
            await one
        self.assertEqual([sink.end for sink in second.receiver.sinks], ["finished"] * 12)

    async def test_messages_pass_a_transfer_whose_receiver_is_slow(self) -> None:
        first, second = await self.pair()
        held: Deferred[None] = Deferred()
        second.receiver.prepare = lambda sink: setattr(
            sink, "before_write", lambda _: held if not held.called else None
        )
        done = first.network.offer(2, 7, Blob(DATA))
        await self.until(lambda: second.receiver.sinks)
        for number in range(50):
            first.network.send(2, b"%d" % number)
        await self.until(lambda: len(second.heard) == 50)
        self.assertFalse(second.receiver.sinks[0].data)
        held.callback(None)
        await done

    async def test_a_peer_that_is_removed_gets_and_sends_no_more(self) -> None:
        first, second = await self.pair()
        held: Deferred[None] = Deferred()
        second.receiver.prepare = lambda sink: setattr(sink, "before_write", lambda _: held)
        done = first.network.offer(2, 7, Blob(DATA))
        await self.until(lambda: second.receiver.sinks)
        first.network.set_peers({})
        self.assertIn("no longer a member", await self.fails(done, Unavailable))
        second.network.set_peers({})
        held.callback(None)
        await self.until(lambda: second.receiver.sinks[0].end)
        self.assertEqual(second.receiver.sinks[0].end, "abandoned: the replica is no longer a member")
        await self.fails(first.network.offer(2, 8, Blob(DATA)), Unavailable)

    async def test_it_fails_when_the_network_stops(self) -> None:
        lone = self.replica(1, {2: NOWHERE})
        done = lone.network.offer(2, 7, Blob(DATA))
        await lone.network.stopService()
        await self.fails(done, Unavailable)

    async def test_a_write_under_way_ends_before_the_next_attempt_begins(self) -> None:
        first, second = await self.pair()
        held: Deferred[None] = Deferred()
        second.receiver.prepare = lambda sink: setattr(
            sink, "before_write", lambda _: held if not held.called else None
        )
        done = first.network.offer(2, 7, Blob(DATA))
        await self.until(lambda: second.receiver.sinks)
        self.cut(first)
        await self.until(lambda: first.changes[-2:] == [(2, False), (2, True)])
        first.network.send(2, b"after begin")
        await self.until(lambda: second.heard)
        self.assertEqual(len(second.receiver.sinks), 1)
        held.callback(None)
        await done
        self.assertEqual([sink.end for sink in second.receiver.sinks], ["interrupted", "finished"])

    async def test_the_same_number_twice_and_too_much_metadata_are_mistakes(self) -> None:
        lone = self.replica(1, {2: NOWHERE})
        lone.network.offer(2, 7, Blob(DATA)).addErrback(lambda failure: failure.trap(Unavailable) and None)
        with self.assertRaises(ValueError):
            lone.network.offer(2, 7, Blob(DATA))
        with self.assertRaises(ValueError):
            lone.network.offer(2, 8, Blob(b"", bytes(METADATA_BYTES + 1)))


class HostileTransfersTests(ReplicationCase):
    async def refused(self, *calls: tuple[Any, ...], sink: Any = None) -> Replica:
        """The replica that a guest, once welcomed, has said `calls` to, and that ended the connection for it."""
        replica = self.replica(1, {2: NOWHERE})
        if sink is not None:
            replica.receiver.prepare = sink
        guest = await self.guest(replica)
        for method, *arguments in calls:
            guest.call(method, *arguments)
        await guest.gone
        return replica

    def held(self, sink: Sink) -> None:
        sink.before_write = lambda _: Deferred()

    async def test_a_chunk_at_another_place_ends_the_connection(self) -> None:
        replica = await self.refused((b"begin", 1, 100, bytes(32), b""), (b"chunk", 1, 50, b"x"))
        self.assertEqual(replica.network.refusals.total["OUT_OF_TURN"], 1)

    async def test_a_chunk_beyond_the_end_ends_the_connection(self) -> None:
        await self.refused((b"begin", 1, 2, bytes(32), b""), (b"chunk", 1, 0, b"xyz"))

    async def test_an_empty_chunk_ends_the_connection(self) -> None:
        await self.refused((b"begin", 1, 2, bytes(32), b""), (b"chunk", 1, 0, b""))

    async def test_more_chunks_than_the_window_end_the_connection(self) -> None:
        chunks = [(b"chunk", 1, number, b"x") for number in range(WINDOW_CHUNKS + 2)]
        replica = await self.refused((b"begin", 1, 10_000, bytes(32), b""), *chunks, sink=self.held)
        self.assertEqual(replica.network.refusals.total["OUT_OF_TURN"], 1)

    async def test_the_same_transfer_twice_ends_the_connection(self) -> None:
        begin = (b"begin", 1, 10_000, bytes(32), b"")
        await self.refused(begin, begin)

    async def test_too_many_transfers_are_told_that_the_receiver_is_busy(self) -> None:
        replica = self.replica(1, {2: NOWHERE})
        guest = await self.guest(replica)
        for number in range(6):
            guest.call(b"begin", number, 10_000, bytes(32), b"")
        await self.until(lambda: guest.methods().count(b"failed") == 2)
        self.assertEqual(len(replica.receiver.sinks), 4)
        failures = [one[5][1:] for one in guest.said if one[3:4] == [b"failed"]]
        self.assertEqual(failures, [[4, TransferFailure.BUSY], [5, TransferFailure.BUSY]])

    async def test_a_size_beyond_all_disks_is_the_receivers_to_refuse(self) -> None:
        replica = self.replica(1, {2: NOWHERE})
        guest = await self.guest(replica)
        guest.call(b"begin", 1, 2**64 - 1, bytes(32), b"")
        await self.until(lambda: replica.receiver.begun)
        self.assertEqual(replica.receiver.begun[0][2], 2**64 - 1)

    async def test_word_of_transfers_that_nobody_knows_does_no_harm(self) -> None:
        replica = self.replica(1, {2: NOWHERE})
        guest = await self.guest(replica)
        guest.call(b"chunk", 99, 0, b"x")
        guest.call(b"cancel", 99)
        guest.call(b"receive", b"still there")
        await self.until(lambda: replica.heard)

    async def test_a_transfer_that_was_finished_is_not_taken_twice(self) -> None:
        replica = self.replica(1, {2: NOWHERE})
        digest = hashlib.sha256(b"abc").digest()
        for _ in range(2):
            guest = await self.guest(replica)
            guest.call(b"begin", 1, 3, digest, b"")
            if not replica.receiver.sinks:
                await self.until(lambda guest=guest: b"resume" in guest.methods())
                guest.call(b"chunk", 1, 0, b"abc")
            await self.until(lambda guest=guest: b"finished" in guest.methods())
            guest.transport.abortConnection()
            await guest.gone
            await self.until(lambda: not replica.network.heard_by(2))
        self.assertEqual(len(replica.receiver.sinks), 1)


class RateTests(SynchronousTestCase):
    def test_bytes_are_spread_over_time(self) -> None:
        clock = Clock()
        rate = Rate(clock, 1000.0)
        fired: list[float] = []
        for _ in range(5):
            rate.take(500).addCallback(lambda _: fired.append(clock.seconds()))
        clock.pump([0.0625] * 40)
        self.assertEqual(fired, [0.0, 0.5, 1.0, 1.5, 2.0])

    def test_without_a_bound_nobody_waits(self) -> None:
        rate = Rate(Clock(), 0)
        self.successResultOf(rate.take(1 << 40))

    def test_a_quick_receiver_is_sent_more_a_slow_one_less(self) -> None:
        clock = Clock()
        window = Window(clock, 0.1, 0)
        for number in range(WINDOW_CHUNKS):
            self.successResultOf(window.room())
            window.send(number + 1)
            window.acknowledge(number + 1)
        self.assertEqual(window.chunks, WINDOW_CHUNKS)
        window.send(100)
        clock.advance(0.2)
        window.acknowledge(100)
        self.assertEqual(window.chunks, WINDOW_CHUNKS // 2)

    def test_what_was_not_sent_cannot_be_acknowledged(self) -> None:
        window = Window(Clock(), 0.1, 10)
        window.send(20)
        self.assertEqual([window.acknowledge(end) for end in (21, 9, 15, 14, 20)], [False, False, True, False, True])
