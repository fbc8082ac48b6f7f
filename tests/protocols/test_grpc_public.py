"""The gRPC front with a real client over TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import grpc
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from coname.configuration.tls import TlsIdentity
from coname.core.lookup import verify_lookup
from coname.core.types import Epoch, KeyId
from coname.core.wire import length_delimited
from coname.errors import EpochUnknown, NotCanonical, Overloaded, RegistrationExpired, TimedOut, UpdateInvalid
from coname.keyserver.policy_changes import Change
from coname.messages.client_pb2 import (
    LookupProof,
    LookupRequest,
    PolicyChanges,
    PolicyChangesRequest,
    SignedEpochHead,
    UpdateRequest,
)
from coname.messages.config_pb2 import Limits
from coname.protocols import grpc_arrivals
from coname.protocols.grpc_options import OTHER_CALLS, STREAMS_PER_CONNECTION, acceptors, concurrent_calls
from coname.protocols.grpc_public import GrpcService
from coname.protocols.grpc_service import claim
from tests.protocols.identity import identity
from tests.protocols.realm import LIMITS, SmallKeyserver

NOW = 1_700_000_000
ALICE = LookupRequest(user_id="alice@example.com").SerializeToString()
T = TypeVar("T")


def waited(coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
    """An asyncio coroutine, for Twisted to wait for."""
    return Deferred.fromFuture(asyncio.ensure_future(coroutine))


def connected(test: TestCase, port: int) -> grpc.aio.Channel:
    """A channel with a connection of its own."""
    credentials = TlsIdentity(root_cas=identity().root_cas).grpc_channel_credentials()
    options = [("grpc.use_local_subchannel_pool", 1)]
    channel = grpc.aio.secure_channel(f"localhost:{port}", credentials, options=options)
    test.addCleanup(lambda: waited(channel.close()))
    return channel


class GrpcCase(TestCase):
    timeout = 30
    limits = LIMITS

    def setUp(self) -> None:
        self.keyserver = SmallKeyserver(now=NOW)
        self.keyserver.register("alice@example.com", {"pgp": b"key"})
        self.service = GrpcService(self.keyserver, self.limits, identity(), "127.0.0.1", 0, grace=0.5)
        self.service.startService()
        self.addCleanup(self._stop)
        self.channel = self.connect()

    def _stop(self) -> Deferred[None] | None:
        return self.service.stopService() if self.service.running else None

    def connect(self) -> grpc.aio.Channel:
        return connected(self, self.service.port)

    def call(self, method: str, data: bytes, timeout: float | None = None) -> Deferred[bytes]:
        async def answered() -> bytes:
            answer: bytes = await self.channel.unary_unary(f"/proto.E2EKSPublic/{method}")(data, timeout=timeout)
            return answer

        return waited(answered())

    async def refused(self, method: str, data: bytes) -> tuple[grpc.StatusCode, str, str | None]:
        """The status, its sentence, and the code in the trailing metadata."""
        try:
            await self.call(method, data)
        except grpc.aio.AioRpcError as error:
            code = dict(error.trailing_metadata()).get("coname-code")
            return error.code(), error.details() or "", code
        raise AssertionError("it was answered")

    async def until(self, condition: Any) -> None:
        """Wait for the other side of a socket."""
        while not condition():
            await deferLater(reactor, 0.01)


class Lookups(GrpcCase):
    async def test_an_answer_verifies(self) -> None:
        proof = LookupProof.FromString(await self.call("Lookup", ALICE))
        verified = verify_lookup(self.keyserver.config, "alice@example.com", proof, NOW)
        self.assertEqual(verified.epoch, 7)

    async def test_the_request_arrives_as_it_was_sent(self) -> None:
        request = LookupRequest(user_id="alice@example.com", epoch=3)
        request.quorum_requirement.candidates.append(2**64 - 1)
        await self.call("Lookup", request.SerializeToString())
        self.assertEqual(self.keyserver.asked, [request])

    async def test_many_at_once(self) -> None:
        answers = [self.call("Lookup", ALICE) for _ in range(100)]
        self.assertEqual(len({await answer for answer in answers}), 1)

    async def test_bytes_that_are_no_request(self) -> None:
        status, message, code = await self.refused("Lookup", b"\xff\xff")
        self.assertEqual((status, code), (grpc.StatusCode.INVALID_ARGUMENT, "invalid_request"))
        self.assertIn("proto.LookupRequest", message)

    async def test_a_request_over_the_limit(self) -> None:
        status, _, _ = await self.refused("Lookup", bytes(5000))
        self.assertIs(status, grpc.StatusCode.RESOURCE_EXHAUSTED)

    async def test_a_method_that_does_not_exist(self) -> None:
        status, _, _ = await self.refused("Remove", b"")
        self.assertIs(status, grpc.StatusCode.UNIMPLEMENTED)


class Changes(GrpcCase):
    async def test_the_heads_as_they_were_signed(self) -> None:
        head = SignedEpochHead(head=b"head", signatures={7: bytes(64)})
        self.keyserver.changes = [Change.of(Epoch(5), {KeyId(7): head})]
        answer = PolicyChanges.FromString(
            await self.call("PolicyChanges", PolicyChangesRequest(after=2).SerializeToString())
        )
        self.assertEqual([list(change.ratifications) for change in answer.changes], [[head]])

    async def test_none(self) -> None:
        self.assertEqual(await self.call("PolicyChanges", b""), b"")

    async def test_bytes_that_are_no_request(self) -> None:
        status, _, code = await self.refused("PolicyChanges", b"\xff")
        self.assertEqual((status, code), (grpc.StatusCode.INVALID_ARGUMENT, "invalid_request"))

    async def test_more_than_a_number_needs(self) -> None:
        status, _, code = await self.refused("PolicyChanges", b"\x08\x01" * 1000)
        self.assertEqual((status, code), (grpc.StatusCode.INVALID_ARGUMENT, "too_large"))


class Errors(GrpcCase):
    async def _status(self, error: Exception, method: str = "Lookup") -> tuple[str, str, str | None]:
        self.keyserver.error = error
        status, message, code = await self.refused(method, ALICE if method == "Lookup" else b"")
        return status.name, message, code

    async def test_the_status_the_sentence_and_the_code(self) -> None:
        answer = await self._status(NotCanonical("it is älice@example.com in canonical form"))
        expected = ("INVALID_ARGUMENT", "it is älice@example.com in canonical form", "user_id_not_canonical")
        self.assertEqual(answer, expected)

    async def test_out_of_range(self) -> None:
        self.assertEqual((await self._status(EpochUnknown("no")))[::2], ("OUT_OF_RANGE", "epoch_unknown"))

    async def test_a_failed_precondition(self) -> None:
        answer = await self._status(UpdateInvalid("no"), "Update")
        self.assertEqual(answer[::2], ("FAILED_PRECONDITION", "update_invalid"))

    async def test_an_expired_registration_proof(self) -> None:
        answer = await self._status(RegistrationExpired("no"), "Update")
        self.assertEqual(answer[::2], ("UNAUTHENTICATED", "registration_expired"))

    async def test_overload(self) -> None:
        answer = await self._status(Overloaded("later"), "Update")
        self.assertEqual(answer[::2], ("RESOURCE_EXHAUSTED", "overloaded"))

    async def test_an_unexpected_error_is_logged_and_not_told(self) -> None:
        status, message, code = await self._status(ZeroDivisionError("the secret of the house"))
        self.assertEqual((status, code), ("INTERNAL", "internal"))
        self.assertNotIn("secret", message)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class Bounds(GrpcCase):
    async def test_connections_are_counted(self) -> None:
        channels = [self.connect() for _ in range(LIMITS.connections)]
        for channel in channels:
            await waited(channel.channel_ready())
        status, _, _ = await self.refused("Lookup", ALICE)
        self.assertIs(status, grpc.StatusCode.UNAVAILABLE)

    async def test_the_others_are_answered(self) -> None:
        channels = [self.connect() for _ in range(LIMITS.connections + 5)]
        answers = await waited(asyncio.gather(*map(_lookup, channels), return_exceptions=True))
        self.assertEqual(sum(isinstance(answer, bytes) for answer in answers), LIMITS.connections)


async def _lookup(channel: grpc.aio.Channel) -> bytes:
    answer: bytes = await channel.unary_unary("/proto.E2EKSPublic/Lookup")(ALICE)
    return answer


class Sizes(GrpcCase):
    limits = Limits(request_bytes=256 * 1024, connections=20)

    async def test_a_lookup_of_many_parts_is_not_even_decoded(self) -> None:
        parts = length_delimited(b"\x22", b"\x1a\x00" * 100_000)  # a quorum of empty subexpressions
        status, message, code = await self.refused("Lookup", ALICE + parts)
        self.assertEqual((status, code), (grpc.StatusCode.INVALID_ARGUMENT, "too_large"))
        self.assertIn("16384 bytes", message)
        self.assertEqual(self.keyserver.asked, [])


class Arrivals(GrpcCase):
    """Calls that begin, and whose message does not come."""

    def begin(self, count: int = 1) -> list[Any]:
        """Calls without a message."""
        stream = self.channel.stream_unary("/proto.E2EKSPublic/Lookup")
        return [stream() for _ in range(count)]

    async def stalled(self, count: int = 1) -> list[Any]:
        """The same, once they have reached the server."""
        calls = self.begin(count)
        await self.until(lambda: len(self.arrivals._waiting) == count)
        return calls

    @property
    def arrivals(self) -> grpc_arrivals.Arrivals:
        return self.service.arrivals

    def pass_seconds(self, seconds: float) -> None:
        self.arrivals.sweep(seconds)

    async def status(self, call: Any) -> grpc.StatusCode:
        return await waited(call.code())

    async def test_a_call_without_a_message_is_ended(self) -> None:
        (call,) = await self.stalled()
        self.pass_seconds(grpc_arrivals.PATIENCE_SECONDS + 1)
        self.assertIs(await self.status(call), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertEqual(dict(await waited(call.trailing_metadata())).get("coname-code"), "timed_out")
        self.assertEqual(self.arrivals._waiting, {})

    async def test_a_message_that_comes_late_but_in_time_is_answered(self) -> None:
        (call,) = await self.stalled()
        self.pass_seconds(grpc_arrivals.PATIENCE_SECONDS - 1)
        await waited(call.write(ALICE))
        await waited(call.done_writing())
        self.assertEqual(LookupProof.FromString(await waited(_answer(call))).user_id, "alice@example.com")

    async def test_an_update_that_waits_for_its_epoch_is_not_ended(self) -> None:
        answer = self.call("Update", Updates.request)
        await self.until(lambda: self.keyserver.waiting)
        self.pass_seconds(1000)
        self.keyserver.answer_updates()
        await answer

    async def test_in_a_crowd_they_are_ended_sooner(self) -> None:
        self.patch(grpc_arrivals, "CROWD", 2)
        calls = await self.stalled(3)
        self.pass_seconds(grpc_arrivals.CROWDED_SECONDS + 1)
        for call in calls:
            self.assertIs(await self.status(call), grpc.StatusCode.DEADLINE_EXCEEDED)

    async def test_two_are_no_crowd(self) -> None:
        self.patch(grpc_arrivals, "CROWD", 2)
        calls = await self.stalled(2)
        self.pass_seconds(grpc_arrivals.CROWDED_SECONDS + 1)
        self.assertEqual(len(self.arrivals._waiting), 2)
        for call in calls:
            call.cancel()
        await self.until(lambda: not self.arrivals._waiting)

    async def test_a_call_that_ends_without_a_message(self) -> None:
        (call,) = self.begin()
        await waited(call.done_writing())
        self.assertIs(await self.status(call), grpc.StatusCode.INVALID_ARGUMENT)

    async def test_the_calls_of_all_connections_are_counted(self) -> None:
        self.assertEqual(concurrent_calls(Limits(pending_updates=10_000)), 12_000)
        calls = await self.stalled(900)
        more = connected(self, self.service.port).stream_unary("/proto.E2EKSPublic/Lookup")
        others = connected(self, self.service.port).stream_unary("/proto.E2EKSPublic/Lookup")
        calls += [more() for _ in range(900)]
        calls += [others() for _ in range(300)]
        await self.until(lambda: len(self.arrivals._waiting) == OTHER_CALLS)
        await self.until(lambda: sum(call.done() for call in calls) == 100)
        (status,) = {await self.status(call) for call in calls if call.done()}
        self.assertIs(status, grpc.StatusCode.RESOURCE_EXHAUSTED)
        for call in calls:
            call.cancel()
        await self.until(lambda: not self.arrivals._waiting)

    async def test_a_connection_may_have_so_many_calls(self) -> None:
        self.patch(grpc_arrivals, "CROWD", 10_000)
        calls = self.begin(STREAMS_PER_CONNECTION + 50)
        await self.until(lambda: len(self.arrivals._waiting) == STREAMS_PER_CONNECTION)
        await deferLater(reactor, 0.2)
        self.assertEqual(len(self.arrivals._waiting), STREAMS_PER_CONNECTION)
        for call in calls:
            call.cancel()
        await self.until(lambda: not self.arrivals._waiting)


async def _answer(call: Any) -> bytes:
    answer: bytes = await call
    return answer


class Acceptors(TestCase):
    """Where many connections are allowed, several servers share the port."""

    timeout = 30
    limits = Limits(request_bytes=4096, connections=3000)

    def setUp(self) -> None:
        self.keyserver = SmallKeyserver(now=NOW)
        self.service = GrpcService(self.keyserver, self.limits, identity(), "127.0.0.1", 0, grace=5)
        self.service.startService()
        self.addCleanup(lambda: self.service.running and self.service.stopService())

    def connect(self) -> grpc.aio.Channel:
        return connected(self, self.service.port)

    async def test_every_one_of_them_answers(self) -> None:
        self.assertEqual(acceptors(self.limits), 4)
        answers = await waited(asyncio.gather(*(_lookup(self.connect()) for _ in range(40))))
        self.assertEqual(len(answers), 40)

    async def test_all_of_them_stop(self) -> None:
        port = self.service.port
        await self.service.stopService()
        claim("127.0.0.1", port)

    def test_a_port_that_they_share_is_not_shared_with_a_second_replica(self) -> None:
        second = GrpcService(self.keyserver, self.limits, identity(), "127.0.0.1", self.service.port)
        self.assertRaises(OSError, second.startService)

    def test_few_connections_want_one(self) -> None:
        self.assertEqual(acceptors(LIMITS), 1)


class Updates(GrpcCase):
    request = UpdateRequest(lookup_parameters=LookupRequest(user_id="alice@example.com")).SerializeToString()

    async def test_answered_when_ratified(self) -> None:
        answer = self.call("Update", self.request)
        await self.until(lambda: self.keyserver.waiting)
        self.keyserver.answer_updates()
        self.assertEqual(LookupProof.FromString(await answer).user_id, "alice@example.com")

    async def test_refused_after_a_while(self) -> None:
        answer = self.refused("Update", self.request)
        reactor_turn = deferLater(reactor, 0)  # type: ignore[arg-type]
        pending = Deferred.fromCoroutine(answer)
        await reactor_turn
        await self.until(lambda: self.keyserver.waiting)
        self.keyserver.waiting[0][1].errback(TimedOut("no quorum"))
        self.assertEqual((await pending)[0], grpc.StatusCode.DEADLINE_EXCEEDED)

    async def test_a_client_that_goes_away_cancels_its_wait(self) -> None:
        try:
            await self.call("Update", self.request, timeout=0.2)
        except grpc.aio.AioRpcError as error:
            self.assertIs(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        await self.until(lambda: self.keyserver.cancelled == 1)


class Stopping(GrpcCase):
    async def test_a_call_that_waits_is_answered_first(self) -> None:
        answer = self.call("Update", Updates.request)
        await self.until(lambda: self.keyserver.waiting)
        stopped = self.service.stopService()
        await deferLater(reactor, 0.1)  # type: ignore[arg-type]
        self.keyserver.answer_updates()
        self.assertTrue(await answer)
        await stopped

    async def test_a_call_that_goes_on_is_cut_off_after_the_grace_time(self) -> None:
        answer = self.call("Update", Updates.request)
        await self.until(lambda: self.keyserver.waiting)
        await self.service.stopService()
        await self.assertFailure(answer, grpc.aio.AioRpcError)
        self.assertEqual(self.keyserver.cancelled, 1)

    async def test_the_port_is_free_again(self) -> None:
        port = self.service.port
        await self.call("Lookup", ALICE)
        await self.service.stopService()
        again = GrpcService(self.keyserver, LIMITS, identity(), "127.0.0.1", port)
        again.startService()
        self.addCleanup(again.stopService)
        self.assertEqual(again.port, port)

    async def test_stopped_before_it_ran(self) -> None:
        service = GrpcService(self.keyserver, LIMITS, identity(), "127.0.0.1", 0)
        service.startService()
        await service.stopService()
        self.assertEqual(service.port, 0)

    def test_a_port_in_use_is_an_error(self) -> None:
        service = GrpcService(self.keyserver, LIMITS, identity(), "127.0.0.1", self.service.port)
        self.assertRaises(OSError, service.startService)
