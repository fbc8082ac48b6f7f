"""The front for verifiers with real clients over TLS, each with a certificate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from coname.configuration.authority import Authority
from coname.errors import Corrupt, EpochUnknown, Unavailable
from coname.interfaces import IVerification
from coname.messages.client_pb2 import SignedEpochHead
from coname.messages.config_pb2 import Limits
from coname.messages.verification_pb2 import VerifierStreamRequest
from coname.protocols import newest_steps, verifier_streams
from coname.protocols.grpc_verification import NO_END, VerificationService
from coname.protocols.newest_steps import BATCH_BYTES
from coname.protocols.verifier_streams import MOST_STREAMS, STUCK_SECONDS
from tests.protocols.test_grpc_public import waited
from tests.protocols.verifier_peers import NOW, SmallVerification, peer, server

STREAM, PUSH = "/proto.E2EKSVerification/VerifierStream", "/proto.E2EKSVerification/PushRatification"
VERIFIER = "verifier 1f"


class VerificationCase(TestCase):
    timeout = 30
    limits = Limits(request_bytes=4096, connections=20)

    def setUp(self) -> None:
        self.patch(newest_steps, "REST_SECONDS", 0.0)
        self.verification = SmallVerification([b"step %d" % number for number in range(5)])
        self.service = VerificationService(self.verification, self.limits, server(), "127.0.0.1", 0, grace=0.5)
        self.service.startService()
        self.addCleanup(lambda: self.service.running and self.service.stopService())

    def connect(self, common_name: str = VERIFIER, issuer: Authority | None = None) -> grpc.aio.Channel:
        credentials = peer(common_name, issuer).grpc_channel_credentials()
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.http2.bdp_probe", 0)]
        channel = grpc.aio.secure_channel(f"localhost:{self.service.port}", credentials, options=options)
        self.addCleanup(lambda: waited(channel.close()))
        return channel

    def stream(self, start: int = 0, page_size: int = NO_END, channel: grpc.aio.Channel | None = None) -> Any:
        request = VerifierStreamRequest(start=start, page_size=page_size).SerializeToString()
        return (channel or self.connect()).unary_stream(STREAM)(request)

    async def taken(self, call: AsyncIterator[bytes], count: int) -> list[bytes]:
        """The next steps of a stream."""

        async def read() -> list[bytes]:
            return [await call.read() for _ in range(count)]  # type: ignore[attr-defined]

        return await waited(read())

    async def refused(self, call: Any) -> tuple[grpc.StatusCode, str, str | None]:
        """The status, its sentence, and the code in the trailing metadata."""

        async def read() -> None:
            if hasattr(call, "read"):
                while await call.read() is not grpc.aio.EOF:
                    pass
            else:
                await call

        try:
            await waited(read())
        except grpc.aio.AioRpcError as error:
            code = dict(error.trailing_metadata() or ()).get("coname-code")
            return error.code(), error.details() or "", code
        raise AssertionError("it was not refused")

    def push(self, signed: bytes, channel: grpc.aio.Channel | None = None) -> Any:
        return (channel or self.connect()).unary_unary(PUSH)(signed)

    async def until(self, condition: Any) -> None:
        while not condition():
            await deferLater(reactor, 0.01)

    async def sweeps(self, count: int) -> None:
        for _ in range(count):
            self.service.streams.sweep(1)


class Callers(VerificationCase):
    """Whoever calls is what their certificate says."""

    async def test_a_verifier_is_known_by_its_common_name(self) -> None:
        for name, known in (
            (VERIFIER, 0x1F),
            ("verifier 00000000000000AB", 0xAB),
            (f"verifier {2**64 - 1:x}", 2**64 - 1),
        ):
            await waited(_unary(self.push(b"", self.connect(name))))
            self.assertEqual(self.verification.pushed[-1][0], known)

    async def test_anybody_else_is_not_permitted(self) -> None:
        for name in ("replica 1f", "verifier", "verifier 0", "verifier xyz", "verifier 1f ", f"verifier {2**64:x}"):
            channel = self.connect(name)
            for call in (self.stream(channel=channel), self.push(b"", channel)):
                status, sentence, code = await self.refused(call)
                self.assertEqual((status, code), (grpc.StatusCode.PERMISSION_DENIED, "not_permitted"), name)
                self.assertIn(repr(name), sentence)

    async def test_without_a_certificate_there_is_no_connection(self) -> None:
        self.assertIs((await self.refused(self.stream(channel=self.connect(""))))[0], grpc.StatusCode.UNAVAILABLE)

    async def test_with_a_certificate_of_another_authority_there_is_no_connection(self) -> None:
        channel = self.connect(VERIFIER, Authority.create("realm.test", NOW))
        self.assertIs((await self.refused(self.stream(channel=channel)))[0], grpc.StatusCode.UNAVAILABLE)


class Streaming(VerificationCase):
    def test_the_log_of_these_tests_provides_the_interface(self) -> None:
        verifyObject(IVerification, self.verification)

    async def test_from_the_database_and_then_live(self) -> None:
        call = self.stream(2)
        self.assertEqual(await self.taken(call, 3), [b"step 2", b"step 3", b"step 4"])
        self.verification.publish(b"five", b"six")
        self.assertEqual(await self.taken(call, 2), [b"five", b"six"])

    async def test_says_how_much_there_was_at_the_beginning(self) -> None:
        self.assertEqual(dict(await waited(self.stream().initial_metadata()))["coname-published"], "5")

    async def test_a_start_beyond_the_end_waits(self) -> None:
        call = self.stream(7)
        await self.until(lambda: len(self.service.streams))
        self.verification.publish(b"five", b"six")
        await deferLater(reactor, 0.05)
        self.verification.publish(b"seven")
        self.assertEqual(await self.taken(call, 1), [b"seven"])

    async def test_ends_after_page_size_steps(self) -> None:
        call = self.stream(3, 3)
        self.assertEqual(await self.taken(call, 2), [b"step 3", b"step 4"])
        self.verification.publish(b"five", b"six")
        self.assertEqual(await self.taken(call, 2), [b"five", grpc.aio.EOF])

    async def test_a_page_of_none_ends_at_once(self) -> None:
        self.assertEqual(await self.taken(self.stream(0, 0), 1), [grpc.aio.EOF])

    async def test_a_page_beyond_all_numbers_has_no_end(self) -> None:
        call = self.stream(4, NO_END - 1)
        self.assertEqual(await self.taken(call, 1), [b"step 4"])

    async def test_the_last_index_there_is(self) -> None:
        for start, size in ((NO_END, NO_END), (NO_END, 1), (NO_END - 1, 1)):
            self.stream(start, size)
        await self.until(lambda: len(self.service.streams) == 1)

    async def test_bytes_that_are_no_request(self) -> None:
        status, _, code = await self.refused(self.connect().unary_stream(STREAM)(b"\xff\xff"))
        self.assertEqual((status, code), (grpc.StatusCode.INVALID_ARGUMENT, "invalid_request"))

    async def test_damage_is_told(self) -> None:
        self.verification.error = Corrupt("step 1 is missing")
        self.assertEqual((await self.refused(self.stream()))[::2], (grpc.StatusCode.DATA_LOSS, "corrupt"))

    async def test_many_at_the_end_share_a_reading(self) -> None:
        channels = [self.connect(f"verifier {number + 1:x}") for number in range(5)]
        calls = [self.stream(5, channel=channel) for channel in channels for _ in range(4)]
        await self.until(lambda: len(self.service.streams) == 20)
        self.verification.reads.clear()
        self.verification.publish(b"five")
        for call in calls:
            self.assertEqual(await self.taken(call, 1), [b"five"])
        self.assertEqual(self.verification.reads, [5])

    async def test_those_a_little_behind_read_nothing(self) -> None:
        call = self.stream(5)
        await self.until(lambda: len(self.service.streams))
        self.verification.publish(*[b"more"] * 10)
        await self.taken(call, 10)
        self.verification.reads.clear()
        self.assertEqual(len(await self.taken(self.stream(5), 10)), 10)
        self.assertEqual(self.verification.reads, [])

    async def test_what_is_kept_for_all_is_bounded(self) -> None:
        self.patch(newest_steps, "KEPT_BYTES", 1000)
        call = self.stream(5)
        for number in range(20):
            self.verification.publish(bytes([number]) * 200)
            self.assertEqual(await self.taken(call, 1), [bytes([number]) * 200])
            self.assertLessEqual(sum(map(len, self.service._newest._steps)), 1000)
        self.assertEqual(await self.taken(self.stream(), 25), self.verification.steps)

    async def test_batches_follow_each_other(self) -> None:
        steps = [bytes([number % 256]) * 3000 for number in range(100)]
        self.verification.publish(*steps)
        self.assertEqual(await self.taken(self.stream(5), 100), steps)

    async def test_a_verifier_that_goes_away_leaves_nothing(self) -> None:
        call = self.stream()
        await self.taken(call, 5)
        call.cancel()
        await self.until(lambda: not len(self.service.streams))


class Bounds(VerificationCase):
    limits = Limits(request_bytes=4096, connections=6)

    async def test_a_newer_stream_takes_the_place_of_the_oldest(self) -> None:
        channel = self.connect()
        calls = [self.stream(5, channel=channel)]
        await self.until(lambda: len(self.service.streams) == 1)
        calls += [self.stream(5, channel=channel) for _ in range(MOST_STREAMS)]
        status, sentence, _ = await self.refused(calls[0])
        self.assertIs(status, grpc.StatusCode.UNAVAILABLE)
        self.assertIn("4 newer streams", sentence)
        self.verification.publish(b"five")
        for call in calls[1:]:
            self.assertEqual(await self.taken(call, 1), [b"five"])

    async def test_in_all(self) -> None:
        channels = [self.connect(f"verifier {number}") for number in (1, 2)]
        calls = [self.stream(5, channel=channel) for channel in channels for _ in range(3)]
        await self.until(lambda: len(self.service.streams) == len(calls))
        status, _, code = await self.refused(self.stream(5, channel=channels[0]))
        self.assertEqual((status, code), (grpc.StatusCode.RESOURCE_EXHAUSTED, "overloaded"))

    async def test_a_push_over_the_limit(self) -> None:
        self.assertIs((await self.refused(self.push(bytes(5000))))[0], grpc.StatusCode.RESOURCE_EXHAUSTED)


class Stuck(VerificationCase):
    """A peer that takes nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.verification.publish(*[bytes([number % 256]) * 1000 for number in range(2000)])

    async def stuck(self, channel: grpc.aio.Channel | None = None) -> Any:
        call = self.stream(channel=channel)
        await self.taken(call, 1)
        *_, stream = self.service.streams
        last = -1
        while stream.position != last:
            last = stream.position
            await deferLater(reactor, 0.1)
        self.assertLess(stream.position, 2000)
        return call

    async def test_costs_what_gRPC_buffers_and_one_batch_and_delays_nobody(self) -> None:
        await self.until(lambda: self.service._newest.end == 2005)
        self.verification.reads.clear()
        await self.stuck()
        (stream,) = self.service.streams
        read = sum(map(len, self.verification.steps[: self.verification.reads[-1]])) + BATCH_BYTES
        self.assertLess(read - sum(map(len, self.verification.steps[: stream.position])), 2 * BATCH_BYTES)
        other = self.stream(1900, channel=self.connect("verifier 2"))
        self.assertEqual(len(await self.taken(other, 105)), 105)

    async def test_those_left_behind_are_bounded(self) -> None:
        self.patch(verifier_streams, "MOST_LEFT", 2)
        channel = self.connect()
        for _ in range(2):
            await self.stuck(channel)
            await self.sweeps(STUCK_SECONDS + 1)
        self.assertEqual(len(self.service.streams), 2)
        answer = await self.refused(self.stream(channel=channel))
        self.assertEqual(answer[::2], (grpc.StatusCode.RESOURCE_EXHAUSTED, "overloaded"))
        await waited(channel.close())
        await self.until(lambda: not len(self.service.streams))

    async def test_is_cut_off_after_a_while(self) -> None:
        call = await self.stuck()
        (stream,) = self.service.streams
        await self.sweeps(STUCK_SECONDS)
        self.assertIsNone(stream.ended)
        await self.sweeps(1)
        status, sentence, code = await self.refused(call)
        self.assertEqual((status, code), (grpc.StatusCode.DEADLINE_EXCEEDED, "timed_out"))
        self.assertIn(f"step {stream.position} was not taken within 60 seconds", sentence)
        await self.until(lambda: not len(self.service.streams))

    async def test_goes_on_when_it_takes_again(self) -> None:
        call = await self.stuck()
        await self.sweeps(STUCK_SECONDS - 1)
        rest = await self.taken(call, 1000)
        await self.sweeps(STUCK_SECONDS)
        self.assertEqual(rest + await self.taken(call, 1004), self.verification.steps[1:])

    async def test_one_that_waits_for_steps_is_not_stuck(self) -> None:
        call = self.stream(2005)
        await self.until(lambda: len(self.service.streams))
        await self.sweeps(3 * STUCK_SECONDS)
        self.verification.publish(b"more")
        self.assertEqual(await self.taken(call, 1), [b"more"])

    async def test_does_not_hold_up_the_end(self) -> None:
        await self.stuck()
        await self.service.stopService()
        self.assertEqual(len(self.service.streams), 0)


class Pushing(VerificationCase):
    signed = SignedEpochHead(head=b"a head", signatures={31: bytes(64)})

    async def test_arrives_as_it_was_sent(self) -> None:
        self.assertEqual(await waited(_unary(self.push(self.signed.SerializeToString()))), b"")
        self.assertEqual(self.verification.pushed, [(0x1F, self.signed)])

    async def test_is_answered_when_it_is_durable(self) -> None:
        self.verification.pushing = Deferred()
        pushed = waited(_unary(self.push(self.signed.SerializeToString())))
        await self.until(lambda: self.verification.pushed)
        self.assertFalse(pushed.called)
        self.verification.pushing.callback(None)
        self.assertEqual(await pushed, b"")

    async def test_refusals_have_their_code(self) -> None:
        self.verification.error = EpochUnknown("epoch 9 has not been ratified here")
        answer = await self.refused(self.push(self.signed.SerializeToString()))
        expected = (grpc.StatusCode.OUT_OF_RANGE, "epoch 9 has not been ratified here", "epoch_unknown")
        self.assertEqual(answer, expected)

    async def test_bytes_that_are_no_head(self) -> None:
        self.assertIs((await self.refused(self.push(b"\xff")))[0], grpc.StatusCode.INVALID_ARGUMENT)


class Stopping(VerificationCase):
    async def test_streams_are_told(self) -> None:
        call = self.stream()
        await self.taken(call, 5)
        stopped = self.service.stopService()
        status, sentence, code = await self.refused(call)
        self.assertEqual((status, code), (grpc.StatusCode.UNAVAILABLE, "unavailable"))
        self.assertIn("stopping", sentence)
        await stopped

    async def test_a_replica_that_fails_ends_the_streams(self) -> None:
        self.patch(self.verification, "whenPublished", _failing)
        answer = await self.refused(self.stream(5))
        self.assertEqual(answer, (grpc.StatusCode.UNAVAILABLE, "this replica has failed", "unavailable"))

    async def test_stopped_before_it_ran(self) -> None:
        service = VerificationService(self.verification, self.limits, server(), "127.0.0.1", 0)
        service.startService()
        await service.stopService()
        self.assertEqual(service.port, 0)


def _failing(index: int) -> Deferred[None]:
    failed: Deferred[None] = Deferred()
    failed.errback(Unavailable("this replica has failed"))
    return failed


async def _unary(call: Any) -> bytes:
    answer: bytes = await call
    return answer


class Hundreds(VerificationCase):
    """Three hundred streams at once, by seventy-five verifiers."""

    timeout = 120
    limits = Limits(request_bytes=4096, connections=1000)

    async def test_all_get_what_is_new(self) -> None:
        channels = [self.connect(f"verifier {number + 1:x}") for number in range(75)]
        calls = [self.stream(5, channel=channel) for channel in channels for _ in range(4)]
        await self.until(lambda: len(self.service.streams) == 300)
        for number in range(3):
            step = b"live %d" % number
            self.verification.publish(step)
            for call in calls:
                self.assertEqual(await self.taken(call, 1), [step])
