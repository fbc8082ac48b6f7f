"""Asking over the replication port: who may, what for, and how much."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed

from coname.configuration.authority import replica_name, verifier_name
from coname.configuration.listen import Address
from coname.errors import NotPermitted, Refused, Unreachable
from coname.messages.cluster_pb2 import ClusterAnswer
from coname.protocols.replication_operator import OperatorSession, connect
from coname.protocols.replication_pb import MOST_ASKING
from coname.protocols.replication_refusals import Reason
from tests.protocols.replication_case import HEARTBEAT, HOST, NOWHERE, ReplicationCase, Stranger, tls

_REACTOR: Any = reactor


class OperatorCase(ReplicationCase):
    """One replica, 1, that answers with what it was asked; its peer is 2."""

    def setUp(self) -> None:
        self.one = self.replica(1, {2: NOWHERE})
        self.asked: list[bytes] = []
        self.one.network.set_answerer(self.answer)

    def answer(self, request: bytes) -> Deferred[bytes]:
        self.asked.append(request)
        return succeed(b"answer to " + request)

    async def session(self, name: str = replica_name(2)) -> OperatorSession:
        session = await connect(self.one.address, tls(name), HEARTBEAT, _REACTOR)
        self.addCleanup(session.cut)
        return session


class WhoMayAskTests(OperatorCase):
    async def test_with_the_certificate_of_a_replica(self) -> None:
        session = await self.session()
        self.assertEqual(await session.ask(b"this"), b"answer to this")
        self.assertEqual(await session.ask(b"that"), b"answer to that")

    async def test_with_the_replicas_own_certificate(self) -> None:
        session = await self.session(replica_name(1))
        self.assertEqual(await session.ask(b"this"), b"answer to this")

    async def test_with_an_operators(self) -> None:
        session = await self.session("operator jane")
        self.assertEqual(await session.ask(b"this"), b"answer to this")

    async def test_not_with_that_of_a_replica_that_is_none_here(self) -> None:
        with self.assertRaises(NotPermitted):
            await self.session(replica_name(3))
        self.assertEqual(self.one.network.refusals.total["UNKNOWN_REPLICA"], 1)

    async def test_nor_once_it_was_removed(self) -> None:
        self.one.network.set_peers({})
        with self.assertRaises(NotPermitted):
            await self.session()

    async def test_nor_over_a_connection_from_before(self) -> None:
        session, other = await self.session(), await self.session("operator jane")
        self.one.network.set_peers({})
        await session.gone
        with self.assertRaises(NotPermitted):
            await session.ask(b"this")
        self.assertEqual(await other.ask(b"that"), b"answer to that")
        self.assertEqual(self.asked, [b"that"])

    async def test_nor_with_a_verifiers(self) -> None:
        with self.assertRaises((NotPermitted, Unreachable)):
            await self.session(verifier_name(2))
        self.assertEqual(self.one.network.refusals.total["NO_REPLICA"], 1)

    async def test_an_operator_is_no_replica(self) -> None:
        stranger: Stranger = await self.stranger(self.one, tls("operator jane"))
        await stranger.ready
        stranger.call(b"hello", 1, 2, 1)
        await stranger.gone
        self.assertEqual(stranger.goodbyes(), [Reason.OUT_OF_TURN])

    async def test_nobody_there(self) -> None:
        with self.assertRaises(Unreachable):
            await connect(Address(HOST, 1), tls(replica_name(2)), HEARTBEAT, _REACTOR)


class WhatMayBeAskedTests(OperatorCase):
    async def operator(self) -> Stranger:
        """By hand."""
        stranger: Stranger = await self.stranger(self.one, tls(replica_name(2)))
        await stranger.ready
        stranger.call(b"operate", 1)
        await self.until(lambda: b"welcome" in stranger.methods())
        return stranger

    async def refused(self, method: bytes, *arguments: int | bytes) -> None:
        """Whoever says that is refused, and has not been heard."""
        stranger = await self.operator()
        stranger.call(method, *arguments)
        await stranger.gone
        self.assertEqual(stranger.goodbyes(), [Reason.OUT_OF_TURN])
        self.assertEqual(self.one.heard, [])

    async def test_no_messages_of_the_log(self) -> None:
        await self.refused(b"receive", b"a message")

    async def test_no_transfers(self) -> None:
        await self.refused(b"begin", 1, 1, bytes(32), b"")

    async def test_no_second_greeting(self) -> None:
        await self.refused(b"hello", 1, 2, 1)

    async def test_no_question_while_one_is_answered(self) -> None:
        self.one.network.set_answerer(lambda request: Deferred())
        stranger = await self.operator()
        stranger.call(b"ask", b"one")
        await self.refused(b"operate", 1)
        stranger.call(b"ask", b"another")
        await stranger.gone

    async def test_no_question_before_the_greeting(self) -> None:
        stranger: Stranger = await self.stranger(self.one, tls(replica_name(2)))
        await stranger.ready
        stranger.call(b"ask", b"this")
        await stranger.gone
        self.assertEqual(self.asked, [])

    async def test_who_asks_does_not_take_the_place_of_the_replica(self) -> None:
        await self.session()
        await self.guest(self.one)
        self.assertTrue(self.one.network.heard_by(2))


class HowManyMayAskTests(OperatorCase):
    async def busy(self, count: int) -> list[OperatorSession]:
        """Operators whose questions are never answered."""
        self.one.network.set_answerer(lambda request: self.asked.append(request) or Deferred())
        sessions = [await self.session() for _ in range(count)]
        for session in sessions:
            session.ask(b"this").addErrback(lambda _: None)
        await self.until(lambda: len(self.asked) == count)
        return sessions

    async def test_idle_ones_lock_nobody_out(self) -> None:
        oldest, *others = [await self.session() for _ in range(MOST_ASKING)]
        ninth = await self.session("operator jane")
        await oldest.gone
        for session in (*others, ninth):
            self.assertEqual(await session.ask(b"this"), b"answer to this")

    async def test_who_had_to_go_is_told_why(self) -> None:
        oldest, *_ = [await self.session() for _ in range(MOST_ASKING)]
        await self.session()
        await oldest.gone
        with self.assertRaises(Unreachable) as error:
            await oldest.ask(b"this")
        self.assertEqual(str(error.exception), Reason.IDLE.sentence)
        self.assertEqual(self.one.network.refusals.total, {"IDLE": 1})

    async def test_the_oldest_goes_that_asks_nothing(self) -> None:
        busy = await self.busy(2)
        idle = [await self.session() for _ in range(MOST_ASKING - 2)]
        await self.session()
        await idle[0].gone
        self.assertEqual([session.gone.called for session in [*busy, *idle[1:]]], [False] * (MOST_ASKING - 1))

    async def test_none_goes_whose_question_is_being_answered(self) -> None:
        busy = await self.busy(MOST_ASKING)
        with self.assertRaises(Unreachable) as error:
            await self.session()
        self.assertEqual(str(error.exception), Reason.TOO_MANY.sentence)
        self.assertEqual([session.gone.called for session in busy], [False] * MOST_ASKING)

    async def test_one_that_is_being_ended_is_not_counted(self) -> None:
        oldest, *others = [await self.session() for _ in range(MOST_ASKING)]
        self.assertIsNone(self.one.network.may_ask(2))
        self.assertIsNone(self.one.network.may_ask(2))  # there is room already
        await oldest.gone
        self.assertEqual([session.gone.called for session in others], [False] * (MOST_ASKING - 1))

    async def test_there_is_room_again_once_one_has_gone(self) -> None:
        busy = await self.busy(MOST_ASKING)
        busy[0].cut()
        await busy[0].gone
        await self.until(lambda: self.one.network.may_ask(2) is None)
        await self.session()


class AnswersTests(OperatorCase):
    async def test_an_error_is_an_answer(self) -> None:
        self.one.network.set_answerer(lambda request: fail(Refused("not that")))
        answer = ClusterAnswer.FromString(await (await self.session()).ask(b"this"))
        self.assertEqual((answer.error.code, answer.error.message), ("refused", "not that"))

    async def test_a_mistake_of_ours_is_logged_and_says_so(self) -> None:
        self.one.network.set_answerer(lambda request: fail(ZeroDivisionError()))
        answer = ClusterAnswer.FromString(await (await self.session()).ask(b"this"))
        self.assertEqual(answer.error.code, "unavailable")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_a_replica_that_goes_away_meanwhile(self) -> None:
        self.one.network.set_answerer(lambda request: Deferred())
        session = await self.session()
        waiting = session.ask(b"this")
        await self.one.network.stopService()
        with self.assertRaises(Unreachable):
            await waiting
