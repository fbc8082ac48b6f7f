"""Whoever is not who they say, says what is not in the protocol, or says nothing: refused, counted, harming nobody."""

from __future__ import annotations

import socket
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import SynchronousTestCase

from coname.configuration.authority import replica_name, verifier_name
from coname.configuration.listen import Address
from coname.protocols.replication_identity import replica_of
from coname.protocols.replication_incoming import UNGREETED
from coname.protocols.replication_refusals import LOG_SECONDS, Reason, Refusals
from coname.protocols.replication_wire import (
    MAX_EXPRESSION_BYTES,
    MAX_MESSAGE_BYTES,
    PIECE_BYTES,
    TO_LISTENER,
    OnlyBytesAndNumbers,
    breach,
)
from tests.protocols.replication_case import (
    HOST,
    NOWHERE,
    ReplicationCase,
    Silent,
    Stranger,
    authority,
    tls,
)

_REACTOR: Any = reactor


class StrangersCase(ReplicationCase):
    """One replica, 1, whose peer 2 is played by the test."""

    def setUp(self) -> None:
        self.one = self.replica(1, {2: NOWHERE})

    async def assert_refused(self, reason: Reason, identity: Any, *hello: int) -> Stranger:
        """Who has that certificate, and says hello, is refused for `reason`."""
        stranger: Stranger = await self.stranger(self.one, identity)
        stranger.ready.addCallback(lambda _: stranger.call(b"hello", *(hello or (1, 2, 1))))
        await stranger.gone
        await self.until(lambda: self.one.network.refusals.total[reason.name])
        self.assertNotIn(b"welcome", stranger.methods())
        await self.assert_unharmed()
        return stranger

    async def assert_unharmed(self) -> None:
        """The peer itself is served."""
        await self.until(lambda: not self.one.network.heard_by(2))
        guest = await self.guest(self.one)
        guest.call(b"receive", b"unharmed")
        await self.until(lambda: self.one.heard)
        self.assertEqual(self.one.heard, [(2, b"unharmed")])


class CertificatesTests(StrangersCase):
    async def test_an_unknown_replica_is_refused_and_told(self) -> None:
        stranger = await self.assert_refused(Reason.UNKNOWN_REPLICA, tls(replica_name(3)), 1, 3, 1)
        self.assertEqual(stranger.goodbyes(), [Reason.UNKNOWN_REPLICA])

    async def test_a_replica_in_anothers_name_is_refused(self) -> None:
        self.one.network.set_peers({2: NOWHERE, 3: NOWHERE})
        stranger = await self.assert_refused(Reason.OTHER_NAME, tls(replica_name(3)), 1, 2, 1)
        self.assertEqual(stranger.goodbyes(), [Reason.OTHER_NAME])
        counters = self.one.network.counters(3)
        assert counters is not None
        self.assertEqual(counters.refused, {"OTHER_NAME": 1})

    async def test_a_replica_with_our_own_name_is_refused(self) -> None:
        await self.assert_refused(Reason.UNKNOWN_REPLICA, tls(replica_name(1)), 1, 1, 1)

    async def test_a_verifiers_certificate_is_refused(self) -> None:
        await self.assert_refused(Reason.NO_REPLICA, tls(verifier_name(2)))

    async def test_a_name_that_only_looks_like_a_replicas_is_refused(self) -> None:
        await self.assert_refused(Reason.NO_REPLICA, tls("replica 02"))

    async def test_another_authoritys_certificate_is_refused(self) -> None:
        await self.assert_refused(Reason.TLS, tls(replica_name(2), "another"))

    async def test_an_expired_certificate_is_refused(self) -> None:
        await self.assert_refused(Reason.TLS, tls(replica_name(2), age=900))

    async def test_no_certificate_is_refused(self) -> None:
        identity = tls(replica_name(2))
        context = SSL.Context(SSL.TLS_METHOD)

        class Anonymous:
            def peer_options(self) -> Any:
                options: Any = identity.peer_options()
                options._context = context
                return options

        await self.assert_refused(Reason.TLS, Anonymous())

    async def test_tls_1_1_is_refused(self) -> None:
        identity = tls(replica_name(2))
        options: Any = identity.peer_options()
        options._context.set_max_proto_version(SSL.TLS1_1_VERSION)
        options._context.set_min_proto_version(SSL.TLS1_VERSION)
        options._context.set_cipher_list(b"ALL:@SECLEVEL=0")

        class Old:
            def peer_options(self) -> Any:
                return options

        await self.assert_refused(Reason.TLS, Old())

    async def test_a_peer_whose_certificate_is_a_verifiers_is_not_sent_anything(self) -> None:
        await self.assert_not_trusted(tls(verifier_name(2)), "NO_REPLICA")

    async def test_a_peer_that_is_another_is_not_sent_anything(self) -> None:
        await self.assert_not_trusted(tls(replica_name(3)), "OTHER_ADDRESSEE")

    async def test_a_peer_of_another_authority_is_not_sent_anything(self) -> None:
        await self.assert_not_trusted(tls(replica_name(2), "another"), "TLS")

    async def test_a_peer_whose_certificate_has_expired_is_not_sent_anything(self) -> None:
        await self.assert_not_trusted(tls(replica_name(2), age=900), "TLS")

    async def assert_not_trusted(self, identity: Any, reason: str) -> None:
        """A replica at a peer's address that presents `identity` hears nothing of messages."""
        there = self.replica(2, {1: NOWHERE}, identity=identity)
        self.one.network.set_peers({2: there.address})
        await self.until(lambda: self.one.network.refusals.total[reason])
        self.assertFalse(self.one.network.connected(2))
        self.assertFalse(self.one.network.send(2, b"secret"))


class GreetingTests(StrangersCase):
    async def test_what_was_meant_for_another_is_refused(self) -> None:
        await self.assert_refused(Reason.OTHER_ADDRESSEE, tls(replica_name(2)), 1, 2, 7)

    async def test_another_version_is_refused(self) -> None:
        await self.assert_refused(Reason.OTHER_PROTOCOL, tls(replica_name(2)), 2, 2, 1)

    async def test_a_message_before_hello_is_refused(self) -> None:
        guest = await self.stranger(self.one, tls(replica_name(2)))
        await guest.ready
        guest.call(b"receive", b"early")
        await guest.gone
        self.assertEqual(self.one.heard, [])
        self.assertEqual(self.one.network.refusals.total["OUT_OF_TURN"], 1)

    async def test_a_second_connection_is_refused_while_the_first_lives(self) -> None:
        guest = await self.guest(self.one)
        second = await self.stranger(self.one, tls(replica_name(2)))
        await second.ready
        second.call(b"hello", 1, 2, 1)
        await second.gone
        self.assertEqual(second.goodbyes(), [Reason.SECOND_CONNECTION])
        guest.call(b"receive", b"first")
        await self.until(lambda: self.one.heard)

    async def test_who_says_nothing_is_forgotten_in_time(self) -> None:
        self.patch(__import__("coname.protocols.replication_session", fromlist=["_"]), "OPENING_SECONDS", 0.1)
        silent = await self.stranger(self.one, tls(replica_name(2)), Silent)
        await silent.gone
        self.assertEqual(self.one.network.refusals.total["SLOW_OPENING"], 1)

    async def test_many_who_say_nothing_keep_nobody_out(self) -> None:
        for number in range(UNGREETED + 5):
            connected = socket.create_connection(self.one.address)
            self.addCleanup(connected.close)
            await self.until(lambda number=number: len(self.sessions()) >= min(number + 1, UNGREETED))
        await self.until(lambda: self.one.network.refusals.total["TOO_MANY"] == 5)
        await self.assert_unharmed()
        self.assertLessEqual(len(self.sessions()), UNGREETED + 1)

    def sessions(self) -> Any:
        """All connections there are to the replica."""
        opened: Any = self.one.network._open
        return opened[0].sessions


class GarbageTests(StrangersCase):
    async def assert_ends(self, reason: Reason, *said: Any) -> None:
        """A welcomed guest that says this (bytes: as they are; else an expression) loses the connection."""
        guest = await self.guest(self.one)
        for one in said:
            if isinstance(one, bytes):
                guest.transport.write(one)
            else:
                guest.sendEncoded(one)
        guest.call(b"receive", b"too late")
        await guest.gone
        self.assertEqual(self.one.network.refusals.total, {reason.name: 1})
        await self.assert_unharmed()

    async def test_bytes_that_are_no_banana(self) -> None:
        await self.assert_ends(Reason.UNDECODABLE, b"\x01\xff" * 100)

    async def test_http(self) -> None:
        await self.assert_ends(Reason.UNDECODABLE, b"GET / HTTP/1.1\r\n" + b"x" * 200)

    async def test_a_string_over_bananas_bound(self) -> None:
        await self.assert_ends(Reason.UNDECODABLE, b"\x01\x01\x01\x01\x82" + b"x" * 100)

    async def test_a_string_over_ours(self) -> None:
        await self.assert_ends(Reason.TOO_LARGE, b"\x00\x00\x20\x82" + b"x" * (MAX_EXPRESSION_BYTES + 70_000))

    async def test_an_argument_over_a_piece(self) -> None:
        call = [b"message", 1, b"root", b"receive", 0, [b"tuple", bytes(PIECE_BYTES + 1)], [b"dictionary"]]
        await self.assert_ends(Reason.NOT_IN_PROTOCOL, call)

    async def test_lists_in_lists_without_end(self) -> None:
        await self.assert_ends(Reason.UNDECODABLE, b"\x01\x80" * 100_000)

    async def test_a_list_of_a_million_items(self) -> None:
        await self.assert_ends(Reason.UNDECODABLE, b"\x00\x00\x20\x80" + b"\x01\x81" * 100)

    async def test_an_unknown_word_of_the_vocabulary(self) -> None:
        await self.assert_ends(Reason.UNDECODABLE, b"\x7f\x87")

    async def test_a_number_without_end(self) -> None:
        await self.assert_ends(Reason.UNDECODABLE, b"\x01" * 200)

    async def test_an_expression_that_is_no_list(self) -> None:
        await self.assert_ends(Reason.NOT_IN_PROTOCOL, 5)

    async def test_an_empty_list(self) -> None:
        await self.assert_ends(Reason.NOT_IN_PROTOCOL, [])

    async def test_a_failure_of_perspective_broker(self) -> None:
        await self.assert_ends(Reason.NOT_IN_PROTOCOL, [b"error", 1, [b"twisted.spread.pb.CopyableFailure"]])

    async def test_a_message_in_two_at_once(self) -> None:
        guest = await self.guest(self.one)
        guest.call(b"part", 10, b"x")
        guest.call(b"receive", b"y")
        await guest.gone
        self.assertEqual(self.one.network.refusals.total, {"OUT_OF_TURN": 1})

    async def test_a_message_over_the_bound_is_not_gathered(self) -> None:
        guest = await self.guest(self.one)
        guest.call(b"part", MAX_MESSAGE_BYTES, b"x")
        await guest.gone
        self.assertEqual(self.one.network.refusals.total, {"TOO_LARGE": 1})

    async def test_parts_that_do_not_add_up(self) -> None:
        guest = await self.guest(self.one)
        guest.call(b"part", 10, b"x")
        guest.call(b"part", 10, b"x")
        await guest.gone
        self.assertEqual(self.one.network.refusals.total, {"OUT_OF_TURN": 1})

    async def test_garbage_in_tls_before_banana(self) -> None:
        stranger = await self.stranger(self.one, tls(replica_name(2)), Silent)
        stranger.transport.write(b"\xff" * 1000)
        await stranger.gone
        await self.assert_unharmed()

    async def test_garbage_in_place_of_tls(self) -> None:
        with socket.create_connection(self.one.address) as raw:
            raw.send(b"GET / HTTP/1.1\r\n\r\n")
            await self.until(lambda: self.one.network.refusals.total["TLS"])
        await self.assert_unharmed()

    async def test_a_listener_that_answers_out_of_turn_is_left(self) -> None:
        for said in ([b"ack", 1, 1], [b"welcome", 1], [b"resume", 1, 1]):
            await self.leaves(said)

    async def leaves(self, said: list[Any]) -> None:
        """A peer that listens, welcomes twice or speaks of transfers before, is left."""

        class Odd(Stranger):
            def __init__(odd) -> None:
                super().__init__()
                odd.isClient = 0

            def connectionReady(odd) -> None:
                odd.call(said[0], *said[1:])
                odd.call(b"welcome", 1)

        factory = Factory.forProtocol(Odd)
        port = _REACTOR.listenSSL(0, factory, tls(replica_name(2)).server_options(), interface=HOST)
        before = self.one.network.refusals.total["OUT_OF_TURN"]
        self.one.network.set_peers({2: Address(HOST, port.getHost().port)})
        await self.until(lambda: self.one.network.refusals.total["OUT_OF_TURN"] > before)
        self.one.network.set_peers({2: NOWHERE})
        await port.stopListening()


class PressureTests(StrangersCase):
    async def test_who_does_not_read_what_it_is_answered_is_not_read(self) -> None:
        guest = await self.guest(self.one)
        session: Any = self.one.network._peers[2].incoming
        session._broker.pauseProducing()  # as TCP does when its buffer is full
        guest.call(b"receive", b"one")
        await self.until(lambda: self.one.network.refusals.total["SILENT"])
        self.assertEqual(self.one.heard, [])

    async def test_who_reads_again_is_read_again(self) -> None:
        guest = await self.guest(self.one)
        session: Any = self.one.network._peers[2].incoming
        session._broker.pauseProducing()
        guest.call(b"receive", b"one")
        session._broker.resumeProducing()
        await self.until(lambda: self.one.heard)


class HalfOpenTests(ReplicationCase):
    async def test_a_peer_that_falls_silent_is_noticed_from_both_ends(self) -> None:
        """A relay between two replicas stops passing anything on, and closes nothing, as a machine without power."""
        second = self.replica(2)
        relay = Relay(second.address)
        port = _REACTOR.listenTCP(0, relay, interface=HOST)
        self.addCleanup(port.stopListening)
        self.addCleanup(relay.close)
        first = self.replica(1, {2: Address(HOST, port.getHost().port)})
        second.network.set_peers({1: NOWHERE})
        await self.until(lambda: first.network.connected(2) and second.network.heard_by(1))
        start = _REACTOR.seconds()
        relay.dead = True
        await self.until(lambda: not first.network.connected(2))
        await self.until(lambda: not second.network.heard_by(1))
        self.assertLess(_REACTOR.seconds() - start, 5 * 0.2 + 0.5)
        self.assertEqual(first.network.counters(2).refused["SILENT"], 1)  # type: ignore[union-attr]
        self.assertEqual(second.network.counters(1).refused["SILENT"], 1)  # type: ignore[union-attr]
        relay.dead = False
        await self.until(lambda: first.network.connected(2))

    async def test_a_peer_with_nothing_to_say_stays_connected(self) -> None:
        first, second = await self.pair(heartbeat=0.05)
        heard = first.network.counters(2).last_heard  # type: ignore[union-attr]
        assert heard is not None
        await self.until(lambda: first.network.counters(2).last_heard > heard + 0.4)  # type: ignore[union-attr,operator]
        self.assertEqual((first.changes, second.changes), ([(2, True)], [(1, True)]))

    async def test_stopping_does_not_wait_for_a_dead_peer(self) -> None:
        self.patch(__import__("coname.protocols.replication_session", fromlist=["_"]), "PARTING_SECONDS", 0.1)
        one = self.replica(1, {2: NOWHERE}, heartbeat=60.0)
        guest = await self.guest(one)
        guest.transport.pauseProducing()
        await one.network.stopService()


class Relay(Factory):
    """Passes on what two ends say, unless it is dead."""

    noisy = False

    def __init__(self, there: Address) -> None:
        self.dead = False
        self.there = there
        self.ends: list[_End] = []

    def buildProtocol(self, addr: object) -> Any:
        near, far = _End(self), _End(self)
        near.other, far.other = far, near
        outward = Factory()
        outward.noisy = False
        outward.buildProtocol = lambda _: far  # type: ignore[method-assign]
        from twisted.internet.endpoints import TCP4ClientEndpoint

        TCP4ClientEndpoint(_REACTOR, *self.there).connect(outward)
        return near

    async def close(self) -> None:
        for end in self.ends:
            end.transport.abortConnection()
        for end in self.ends:
            await end.gone


class _End(Protocol):
    transport: Any
    other: _End

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self.waiting = b""
        self.gone: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        self.relay.ends.append(self)
        self.transport.write(self.waiting)

    def dataReceived(self, data: bytes) -> None:
        if self.relay.dead:
            return
        if self.other.transport is None:
            self.other.waiting += data
        else:
            self.other.transport.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        self.gone.callback(None)
        if not self.relay.dead and self.other.transport is not None:
            self.other.transport.loseConnection()


class NamesTests(SynchronousTestCase):
    def test_a_certificate_names_its_replica(self) -> None:
        self.assertEqual(replica_of(tls(replica_name(2**64 - 1)).credentials[0].chain[0]), 2**64 - 1)

    def test_other_certificates_name_none(self) -> None:
        names = [
            "replica",
            "replica ",
            "replica 0x1",
            "replica 1 ",
            "Replica 1",
            "replica 1F",
            "replica 12345678901234567",
        ]
        found = [replica_of(tls(name).credentials[0].chain[0]) for name in names]
        self.assertEqual(found, [None] * len(names))
        self.assertIsNone(replica_of(authority().certificate))


class WireTests(SynchronousTestCase):
    def call(self, method: bytes, *arguments: Any, **parts: Any) -> str:
        call = {"number": 1, "root": b"root", "answer": 0, "words": [b"dictionary"], **parts}
        arguments_list = [call.get("kind", b"tuple"), *arguments]
        return breach(
            [b"message", call["number"], call["root"], method, call["answer"], arguments_list, call["words"]],
            TO_LISTENER,
        )

    def test_calls_of_the_protocol_pass(self) -> None:
        calls = [(b"beat",), (b"hello", 1, 2, 3), (b"receive",), (b"receive", b"", b"x"), (b"part", 0, b"x")]
        self.assertEqual([self.call(*one) for one in calls], [""] * len(calls))

    def test_arguments_of_other_kinds_are_a_breach(self) -> None:
        wrong = [(b"beat", 1), (b"hello", 1, 2), (b"hello", 1, 2, b"3"), (b"receive", 1), (b"receive", [b"list"])]
        wrong += [(b"part", -1, b""), (b"part", 2**64, b""), (b"part", 1.0, b""), (b"hello", 1, 2, 3.0)]
        self.assertNotIn("", [self.call(*one) for one in wrong])

    def test_methods_of_others_are_a_breach(self) -> None:
        names = (b"welcome", b"goodbye", b"__init__", b"remote_beat", b"\xff")
        self.assertEqual([self.call(one) for one in names], ["an unknown method"] * 5)

    def test_other_objects_answers_and_words_are_a_breach(self) -> None:
        self.assertTrue(self.call(b"beat", answer=1))
        self.assertTrue(self.call(b"beat", root=b"other"))
        self.assertTrue(self.call(b"beat", root=1))
        self.assertTrue(self.call(b"beat", words=[b"dictionary", [b"a", 1]]))
        self.assertTrue(self.call(b"beat", kind=b"list"))

    def test_perspective_brokers_other_expressions_are_a_breach(self) -> None:
        others: list[Any] = [
            [b"answer", 1, b""],
            [b"error", 1, b""],
            [b"decref", 1],
            [b"cachemessage", 1, 1, b"beat", 0, [b"tuple"], [b"dictionary"]],
            [b"didNotUnderstand", b"x"],
            [b"version", 5],
            [b"version", b"6"],
            b"version",
            7,
            1.5,
        ]
        self.assertNotIn("", [breach(one, TO_LISTENER) for one in others])

    def test_jelly_takes_no_names_with_dots(self) -> None:
        allowed = OnlyBytesAndNumbers().isTypeAllowed
        self.assertFalse(any(map(allowed, ["os.system", b"twisted.python.failure.Failure", "list", "None", "unicode"])))


class RefusalsTests(SynchronousTestCase):
    def test_one_line_a_minute_for_each_peer_and_reason(self) -> None:
        from twisted.internet.task import Clock
        from twisted.logger import globalLogPublisher

        lines: list[Any] = []

        def keep(event: Any) -> None:
            if "unsaid" in event:
                lines.append(event["unsaid"])

        globalLogPublisher.addObserver(keep)
        self.addCleanup(globalLogPublisher.removeObserver, keep)
        clock = Clock()
        refusals = Refusals(clock)
        for _ in range(1000):
            refusals.note(Reason.TLS, None, "bad")
        clock.advance(LOG_SECONDS)
        refusals.note(Reason.TLS, None, "bad")
        self.assertEqual((lines, refusals.total["TLS"]), ([0, 999], 1001))
