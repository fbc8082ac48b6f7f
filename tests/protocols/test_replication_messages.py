"""Messages between replicas: order, bounds, and what happens when connections break."""

from __future__ import annotations

import gc

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from coname.configuration.tls import TlsIdentity
from coname.errors import Misconfigured
from coname.interfaces import ITransferReader, ITransferReceiver, ITransferSink
from coname.protocols.replication_pulse import Pulse
from coname.protocols.replication_queue import OVERHEAD_BYTES, MessageQueue
from coname.protocols.replication_wire import BATCH_MESSAGES, MAX_MESSAGE_BYTES, PIECE_BYTES
from tests.protocols.replication_case import NOWHERE, Blob, Receiver, Replica, ReplicationCase, Sink, tls


class MessagesTests(ReplicationCase):
    async def test_a_message_arrives_with_its_senders_id(self) -> None:
        first, second = await self.pair()
        self.assertTrue(first.network.send(2, b"to two"))
        self.assertTrue(second.network.send(1, b"to one"))
        await self.until(lambda: first.heard and second.heard)
        self.assertEqual((first.heard, second.heard), ([(2, b"to one")], [(1, b"to two")]))

    async def test_messages_of_all_sizes_arrive_in_order(self) -> None:
        first, second = await self.pair()
        sizes = [0, 1, 200, PIECE_BYTES, PIECE_BYTES + 1, 0, 3 * PIECE_BYTES, 1_000_000, 5] + [7] * 200
        messages = [bytes([number]) * size for number, size in enumerate(sizes)]
        self.assertTrue(all(first.network.send(2, message) for message in messages))
        await self.until(lambda: len(second.heard) >= len(messages))
        self.assertEqual(second.heard, [(1, message) for message in messages])

    async def test_the_largest_message_arrives(self) -> None:
        first, second = await self.pair()
        self.assertTrue(first.network.send(2, bytes(MAX_MESSAGE_BYTES)))
        self.assertFalse(first.network.send(2, bytes(MAX_MESSAGE_BYTES + 1)))
        await self.until(lambda: second.heard)
        self.assertEqual(len(second.heard[0][1]), MAX_MESSAGE_BYTES)

    async def test_messages_beyond_the_queues_bound_are_dropped_and_counted(self) -> None:
        first, second = await self.pair(queue_bytes=10 * (1000 + OVERHEAD_BYTES))
        taken = [first.network.send(2, bytes([number]) * 1000) for number in range(15)]
        self.assertEqual(taken, [True] * 10 + [False] * 5)
        await self.until(lambda: len(second.heard) == 10)
        counters = first.network.counters(2)
        assert counters is not None
        self.assertEqual((counters.sent, counters.dropped, counters.bytes_sent), (10, 5, 10_000))

    async def test_without_a_connection_messages_are_dropped(self) -> None:
        lone = self.replica(1, {2: NOWHERE})
        self.assertFalse(lone.network.send(2, b"hello"))
        self.assertFalse(lone.network.send(3, b"no such peer"))
        counters = lone.network.counters(2)
        assert counters is not None
        self.assertEqual(counters.dropped, 1)
        await self.until(lambda: counters.failed_dials > 1)

    async def test_both_ends_count(self) -> None:
        first, second = await self.pair()
        first.network.send(2, b"12345")
        await self.until(lambda: second.heard)
        counters = second.network.counters(1)
        assert counters is not None
        self.assertEqual((counters.received, counters.bytes_received, counters.reconnects), (1, 5, 0))
        self.assertIsNotNone(counters.last_heard)

    async def test_an_engine_that_fails_on_a_message_gets_the_next(self) -> None:
        first, second = await self.pair()
        second.fails = True
        first.network.send(2, b"one")
        first.network.send(2, b"two")
        await self.until(lambda: len(second.heard) == 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.assertTrue(first.network.connected(2))


class ConnectionsTests(ReplicationCase):
    async def test_a_replica_that_comes_back_is_connected_again_and_order_holds(self) -> None:
        first, second = await self.pair()
        port = second.network.port
        first.network.send(2, b"before")
        await self.until(lambda: second.heard)
        await second.network.stopService()
        await self.until(lambda: not first.network.connected(2))
        self.assertFalse(first.network.send(2, b"while it was away"))
        second.network._address = second.network._address._replace(port=port)
        second.network.startService()
        await self.until(lambda: first.network.connected(2) and second.network.connected(1))
        for number in range(100):
            first.network.send(2, b"%d" % number)
        await self.until(lambda: len(second.heard) == 101)
        self.assertEqual(second.heard, [(1, b"before"), *((1, b"%d" % number) for number in range(100))])
        self.assertEqual(first.changes, [(2, True), (2, False), (2, True)])
        counters = first.network.counters(2)
        assert counters is not None
        self.assertEqual(counters.reconnects, 1)

    async def test_what_waits_when_the_connection_breaks_is_dropped(self) -> None:
        first, second = await self.pair()
        first.network.send(2, b"lost")
        first.network._peers[2].outgoing._session.cut()  # type: ignore[union-attr]
        await self.until(lambda: not first.network.connected(2))
        await self.until(lambda: first.network.connected(2))
        first.network.send(2, b"next")
        await self.until(lambda: second.heard)
        self.assertEqual(second.heard, [(1, b"next")])

    async def test_a_peer_that_is_removed_is_neither_heard_nor_sent_to(self) -> None:
        first, second = await self.pair()
        first.network.set_peers({})
        self.assertFalse(first.network.send(2, b"hello"))
        self.assertIsNone(first.network.counters(2))
        await self.until(lambda: not second.network.connected(1))
        counters = second.network.counters(1)
        assert counters is not None
        await self.until(lambda: counters.turned_away["UNKNOWN_REPLICA"])
        self.assertFalse(second.network.send(1, b"hello"))
        self.assertEqual(first.heard, [])

    async def test_a_peer_that_is_added_is_dialled_and_may_speak(self) -> None:
        first, second = await self.pair()
        third = self.replica(3, {1: first.address, 2: second.address})
        await self.until(lambda: third.network.counters(1).turned_away)  # type: ignore[union-attr]
        for old in (first, second):
            old.network.set_peers({**old.network.peers, 3: third.address})
        await self.until(lambda: third.network.connected(1) and first.network.connected(3))
        third.network.send(1, b"learner")
        first.network.send(3, b"leader")
        await self.until(lambda: first.heard and third.heard)
        self.assertEqual((first.heard, third.heard), ([(3, b"learner")], [(1, b"leader")]))

    async def test_a_peer_that_moves_is_dialled_at_its_new_address(self) -> None:
        first, second = await self.pair()
        await second.network.stopService()
        moved = self.replica(2, {1: first.address})
        first.network.set_peers({2: moved.address})
        await self.until(lambda: first.network.connected(2))
        first.network.send(2, b"there")
        await self.until(lambda: moved.heard)
        self.assertEqual(moved.heard, [(1, b"there")])

    async def test_what_waits_for_the_former_address_of_a_peer_does_not_go_to_the_new_one(self) -> None:
        """Even if the former one is slow to hang up: what is there now may be another life of that replica."""
        first, second = await self.pair()
        moved = self.replica(2, {1: first.address})
        first.network.send(2, b"for the former one")
        first.network.set_peers({2: moved.address})
        self.assertFalse(first.network.send(2, b"for nobody"))
        self.assertEqual(first.changes, [(2, True), (2, False)])
        await self.until(lambda: first.network.connected(2))
        first.network.send(2, b"there")
        await self.until(lambda: moved.heard)
        self.assertEqual((moved.heard, second.heard), ([(1, b"there")], []))
        self.assertEqual(first.changes, [(2, True), (2, False), (2, True)])

    async def test_who_listens_for_connections_and_fails_keeps_none_from_being_made_again(self) -> None:
        first, _ = await self.pair()
        first.network.onConnectionChange(lambda peer, connected: 1 // 0)
        first.network._peers[2].outgoing._session.cut()  # type: ignore[union-attr]
        await self.until(lambda: first.changes[1:] == [(2, False), (2, True)])
        await first.network.stopService()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 3)

    async def test_attempts_are_further_and_further_apart_up_to_a_bound(self) -> None:
        clock = Clock()
        lone = self.replica(1, {2: NOWHERE}, clock=clock, random=lambda: 1.0)
        counters = lone.network.counters(2)
        assert counters is not None
        waits = []
        for number in range(1, 9):
            await self.until(lambda number=number: counters.failed_dials == number and clock.getDelayedCalls())
            [call] = clock.getDelayedCalls()
            waits.append(round(call.getTime() - clock.seconds(), 3))
            clock.advance(waits[-1])
        self.assertEqual(waits, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0])

    async def test_it_stops_though_nobody_ever_answered(self) -> None:
        lone = self.replica(1, {2: NOWHERE, 3: NOWHERE})
        await lone.network.stopService()
        self.assertEqual(lone.network.port, 0)

    async def test_nothing_is_left_after_both_have_stopped(self) -> None:
        first, second = await self.pair()
        await first.network.stopService()
        await second.network.stopService()
        self.assertFalse(first.network.connected(2) or second.network.connected(1))
        gc.collect()

    def test_authorities_of_its_own_are_demanded(self) -> None:
        with self.assertRaises(Misconfigured):
            Replica(1, {}, TlsIdentity(credentials=tls("replica 1").credentials))

    def test_the_test_cases_transfers_keep_to_the_interfaces(self) -> None:
        verifyObject(ITransferReader, Blob(b""))
        verifyObject(ITransferSink, Sink())
        verifyObject(ITransferReceiver, Receiver())


class QueueTests(SynchronousTestCase):
    def test_small_messages_share_a_call(self) -> None:
        queue = MessageQueue(1 << 20)
        for number in range(BATCH_MESSAGES + 1):
            queue.put(bytes([number]))
        calls = [queue.take(), queue.take(), queue.take()]
        self.assertEqual([call and call.messages for call in calls], [BATCH_MESSAGES, 1, None])

    def test_a_large_message_goes_in_parts_and_frees_its_room(self) -> None:
        queue = MessageQueue(4 * PIECE_BYTES)
        self.assertTrue(queue.put(bytes(3 * PIECE_BYTES)))
        self.assertFalse(queue.put(bytes(PIECE_BYTES)))
        parts = [queue.take(), queue.take(), queue.take()]
        self.assertEqual([part and part.arguments[0] for part in parts], [2 * PIECE_BYTES, PIECE_BYTES, 0])
        self.assertTrue(queue.put(bytes(PIECE_BYTES)))

    def test_empty_messages_take_room_too(self) -> None:
        queue = MessageQueue(10 * OVERHEAD_BYTES)
        self.assertEqual([queue.put(b"") for _ in range(12)].count(True), 10)


class PulseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.beats: list[float] = []
        self.deaths: list[float] = []
        self.pulse = Pulse(
            self.clock,
            1.0,
            lambda: self.beats.append(self.clock.seconds()),
            lambda: self.deaths.append(self.clock.seconds()),
        )
        self.pulse.start()

    def test_it_beats_once_an_interval(self) -> None:
        for _ in range(8):
            self.clock.advance(0.5)
            self.pulse.heard()
        self.assertEqual(self.beats, [0.5, 1.5, 2.5, 3.5])

    def test_silence_is_noticed_within_three_beats(self) -> None:
        self.clock.pump([0.25] * 16)
        self.assertEqual(self.deaths, [2.5])

    def test_anything_heard_is_a_sign_of_life(self) -> None:
        for _ in range(40):
            self.clock.advance(0.5)
            self.pulse.heard()
        self.assertEqual(self.deaths, [])

    def test_who_was_stopped_itself_blames_nobody(self) -> None:
        self.clock.advance(60)
        self.clock.pump([0.25] * 8)
        self.assertEqual(self.deaths, [])
        self.clock.pump([0.25] * 4)
        self.assertEqual(len(self.deaths), 1)
