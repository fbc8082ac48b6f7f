"""Slow, oversized, malformed, half-sent and greedy: what no client may do to an HTTP front."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from coname.protocols import http_bounds as bounds
from coname.protocols.http_exchange import Exchange
from coname.protocols.responses import TEXT, Response
from tests.protocols.wire import Server, request


class BoundsCase(SynchronousTestCase):
    """A front with three paths: one that answers at once, one that answers much, and one that waits."""

    def setUp(self) -> None:
        self.bodies: list[bytes] = []
        self.waiting: list[Deferred[Response]] = []
        self.cancelled = 0
        self.server = Server(
            {
                b"/now": {b"POST": self._now, b"GET": self._now},
                b"/much": {b"GET": lambda exchange: Response(200, TEXT, bytes(10_000))},
                b"/later": {b"POST": self._later},
            }
        )

    def _now(self, exchange: Exchange) -> Response:
        self.bodies.append(exchange.body)
        return Response(200, TEXT, b"done")

    def _later(self, exchange: Exchange) -> Deferred[Response]:
        def cancel(_: Deferred[Response]) -> None:
            self.cancelled += 1

        self.waiting.append(Deferred(cancel))
        return self.waiting[-1]


class Sizes(BoundsCase):
    def test_a_body_at_the_limit_is_taken(self) -> None:
        self.assertEqual(self.server.connect().ask("POST", "/now", bytes(4096)).status, 200)
        self.assertEqual(self.bodies, [bytes(4096)])

    def test_an_announced_body_over_the_limit_is_refused_before_it_arrives(self) -> None:
        client = self.server.connect()
        client.send(b"POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 4097\r\n\r\n")
        (answer,) = client.answers()
        self.assertEqual((answer.status, answer.error), (413, "too_large"))
        self.assertIn("4096 bytes", answer.json()["error"]["message"])
        self.assertTrue(client.closing)

    def test_no_100_continue_invites_a_body_over_the_limit(self) -> None:
        client = self.server.connect()
        client.send(b"POST /now HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4097\r\n\r\n")
        self.assertEqual([answer.status for answer in client.answers()], [413])

    def test_100_continue_invites_a_body_within_the_limit(self) -> None:
        client = self.server.connect()
        client.send(b"POST /now HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        self.assertEqual(client.transport.read(), b"HTTP/1.1 100 Continue\r\n\r\n")
        client.send(b"body")
        self.assertEqual([answer.status for answer in client.answers()], [200])

    def test_a_chunked_body_is_refused_as_soon_as_it_is_over_the_limit(self) -> None:
        client = self.server.connect()
        client.send(b"POST /now HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(4):
            client.send(b"400\r\n" + bytes(0x400) + b"\r\n")
        self.assertEqual(client.answers(), [])
        client.send(b"1\r\nx\r\n0\r\n\r\n")
        self.assertEqual([(answer.status, answer.error) for answer in client.answers()], [(413, "too_large")])
        self.assertEqual(self.bodies, [])

    def test_a_chunked_body_within_the_limit_is_taken(self) -> None:
        client = self.server.connect()
        client.send(b"POST /now HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        self.assertEqual([answer.status for answer in client.answers()], [200])
        self.assertEqual(self.bodies, [b"abcde"])

    def test_what_still_arrives_of_a_refused_body_is_not_kept(self) -> None:
        client = self.server.connect()
        client.send(b"POST /now HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(100):
            client.send(bytes(10_000))
        self.assertEqual(len(client.answers()), 1)
        self.assertEqual(len(client.channel._buffer) + sum(map(len, client.channel._dataBuffer)), 0)

    def test_a_request_line_over_the_limit_is_refused(self) -> None:
        client = self.server.connect()
        client.send(b"GET /" + b"x" * bounds.HEADER_BYTES + b" HTTP/1.1\r\n\r\n")
        self.assertEqual([(answer.status, answer.error) for answer in client.answers()], [(431, "headers_too_large")])
        self.assertTrue(client.closing)

    def test_a_line_without_an_end_is_refused_at_the_limit(self) -> None:
        client = self.server.connect()
        for _ in range(20):
            client.send(b"x" * 1000)
        self.assertEqual([answer.status for answer in client.answers()], [431])
        self.assertEqual(client.channel._buffer, b"")

    def test_headers_that_are_too_many_are_refused(self) -> None:
        client = self.server.connect()
        client.send(request("GET", "/now", headers="X-A: b\r\n" * (bounds.HEADER_COUNT + 1)))
        self.assertEqual([answer.status for answer in client.answers()], [431])

    def test_headers_that_are_too_long_together_are_refused(self) -> None:
        client = self.server.connect()
        client.send(request("GET", "/now", headers=("X-A: " + "b" * 1000 + "\r\n") * 17))
        self.assertEqual([answer.status for answer in client.answers()], [431])


class Malformed(BoundsCase):
    def _refused(self, data: bytes) -> None:
        client = self.server.connect()
        client.send(data)
        (answer,) = client.answers()
        self.assertEqual((answer.status, answer.error), (400, "invalid_request"))
        self.assertEqual(answer.headers["connection"], "close")
        self.assertTrue(client.closing)
        client.send(request("POST", "/now"))
        self.assertEqual((client.answers(), self.bodies), ([], []))

    def test_something_that_is_not_http(self) -> None:
        self._refused(b"\x16\x03\x01 hello\r\n\r\n")

    def test_another_version_of_http(self) -> None:
        self._refused(b"GET /now HTTP/2.0\r\n\r\n")

    def test_a_header_without_a_colon(self) -> None:
        self._refused(b"GET /now HTTP/1.1\r\nnonsense\r\n\r\n")

    def test_a_length_that_is_no_number(self) -> None:
        self._refused(b"POST /now HTTP/1.1\r\nContent-Length: -1\r\n\r\n")

    def test_a_length_of_more_digits_than_python_reads(self) -> None:
        self._refused(b"POST /now HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_length_with_more_zeros_than_python_reads(self) -> None:
        self._refused(b"POST /now HTTP/1.1\r\nContent-Length: " + b"0" * 5000 + b"1\r\n\r\nx")

    def test_two_lengths(self) -> None:
        self._refused(b"POST /now HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")

    def test_a_length_and_chunks(self) -> None:
        self._refused(b"POST /now HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")

    def test_a_transfer_coding_that_nobody_knows(self) -> None:
        self._refused(b"POST /now HTTP/1.1\r\nTransfer-Encoding: rot13\r\n\r\n")

    def test_a_chunk_of_no_length(self) -> None:
        self._refused(b"POST /now HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")


class Times(BoundsCase):
    def test_a_connection_that_says_nothing_is_closed(self) -> None:
        client = self.server.connect()
        self.server.wait(bounds.HEADER_SECONDS + 2)
        self.assertTrue(client.closing)

    def test_headers_that_trickle_in_do_not_hold_the_connection(self) -> None:
        client = self.server.connect()
        client.send(b"GET /now HTTP/1.1\r\n")
        for _ in range(int(bounds.HEADER_SECONDS) + 2):
            self.server.wait(1)
            client.send(b"X-A: b\r\n")
        self.assertEqual([(answer.status, answer.error) for answer in client.answers()], [(408, "request_timeout")])
        self.assertTrue(client.closing)

    def test_a_body_that_trickles_in_does_not_hold_the_connection(self) -> None:
        client = self.server.connect()
        client.send(b"POST /now HTTP/1.1\r\nContent-Length: 100\r\n\r\n")
        for _ in range(int(bounds.BODY_SECONDS) + 2):
            self.server.wait(1)
            client.send(b"x")
        self.assertEqual([answer.status for answer in client.answers()], [408])
        self.assertEqual(self.bodies, [])

    def test_a_slow_body_within_its_time_is_taken(self) -> None:
        client = self.server.connect()
        client.send(b"POST /now HTTP/1.1\r\nContent-Length: 20\r\n\r\n")
        for _ in range(20):
            self.server.wait(1)
            client.send(b"x")
        self.assertEqual([answer.status for answer in client.answers()], [200])

    def test_an_idle_connection_is_closed_without_a_word(self) -> None:
        client = self.server.connect()
        client.ask("GET", "/now")
        self.server.wait(bounds.IDLE_SECONDS - 2)
        self.assertFalse(client.closing)
        self.server.wait(4)
        self.assertTrue(client.closing)
        self.assertEqual(client.answers(), [])

    def test_half_of_a_second_request_does_not_count_as_idle(self) -> None:
        client = self.server.connect()
        client.send(request("GET", "/now") + b"GET /no")
        self.server.wait(bounds.HEADER_SECONDS + 2)
        self.assertEqual([answer.status for answer in client.answers()], [200, 408])

    def test_an_answer_takes_as_long_as_it_takes(self) -> None:
        client = self.server.connect()
        client.send(request("POST", "/later"))
        self.server.wait(600)
        self.assertFalse(client.closing)
        self.waiting[0].callback(Response(200, TEXT, b"at last"))
        self.assertEqual([answer.body for answer in client.answers()], [b"at last"])

    def test_a_client_that_does_not_let_go_is_cut(self) -> None:
        client = self.server.connect()
        client.ask("GET", "/now", headers="Connection: close\r\n")
        self.assertEqual((client.closing, client.transport.aborted), (True, False))
        self.server.wait(bounds.CLOSE_SECONDS + 2)
        self.assertTrue(client.transport.aborted)

    def test_a_client_that_does_not_read_is_cut(self) -> None:
        client = self.server.connect()
        client.send(request("GET", "/much") * 20)
        self.server.wait(bounds.WRITE_SECONDS + 2)
        self.assertTrue(client.transport.aborted)


class Pipelines(BoundsCase):
    def test_requests_of_one_connection_are_answered_in_order(self) -> None:
        client = self.server.connect()
        client.send(request("POST", "/later") + request("GET", "/now"))
        self.assertEqual(client.answers(), [])
        self.waiting[0].callback(Response(200, TEXT, b"first"))
        self.assertEqual([answer.body for answer in client.answers()], [b"first", b"done"])

    def test_a_flood_stops_where_the_answers_are_not_read(self) -> None:
        client = self.server.connect()
        client.send(request("GET", "/much") * 1000)
        self.assertLess(len(client.transport.value()), 100_000)
        self.assertEqual(client.transport.producerState, "paused")

    def test_a_flood_goes_on_once_the_answers_are_read(self) -> None:
        client = self.server.connect()
        client.send(request("GET", "/much") * 100)
        answers = []
        for _ in range(100):
            answers += client.answers()
        self.assertEqual(len(answers), 100)

    def test_behind_a_request_that_waits_little_is_read(self) -> None:
        client = self.server.connect()
        client.send(request("POST", "/later"))
        for _ in range(10):
            if client.transport.producerState == "producing":
                client.send(request("POST", "/now", bytes(4000)))
        self.assertEqual(client.transport.producerState, "paused")
        self.assertLess(sum(map(len, client.channel._dataBuffer)), 0x8000)

    def test_what_was_held_back_is_answered_after_the_request_that_waited(self) -> None:
        client = self.server.connect()
        client.send(request("POST", "/later") + request("POST", "/now", bytes(4000)) * 8)
        self.assertEqual(client.transport.producerState, "paused")
        self.waiting[0].callback(Response(200, TEXT, b"first"))
        self.assertEqual(len(client.answers()), 9)
        self.assertEqual(client.transport.producerState, "producing")


class Connections(BoundsCase):
    def test_a_connection_over_the_count_is_turned_down(self) -> None:
        clients = [self.server.connect() for _ in range(20)]
        self.assertRaises(ConnectionRefusedError, self.server.connect)
        clients[0].lost()
        self.server.connect()

    def test_the_others_go_on(self) -> None:
        clients = [self.server.connect() for _ in range(20)]
        self.assertRaises(ConnectionRefusedError, self.server.connect)
        self.assertEqual([client.ask("GET", "/now").status for client in clients], [200] * 20)

    def test_a_client_that_goes_away_cancels_what_it_waited_for(self) -> None:
        client = self.server.connect()
        client.send(request("POST", "/later"))
        client.lost()
        self.assertEqual(self.cancelled, 1)

    def test_http_1_0_is_answered_and_closed(self) -> None:
        client = self.server.connect()
        client.send(b"GET /now HTTP/1.0\r\n\r\n")
        self.assertEqual([answer.headers["connection"] for answer in client.answers()], ["close"])
        self.assertTrue(client.closing)


class Draining(BoundsCase):
    def _drain(self, grace: float = 10) -> Deferred[None]:
        return self.server.factory.drain(grace)

    def test_without_connections_it_is_done_at_once(self) -> None:
        self.assertIsNone(self.successResultOf(self._drain()))
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_a_quiet_connection_is_closed_soon(self) -> None:
        client = self.server.connect()
        done = self._drain()
        self.server.wait(bounds.QUIET_SECONDS)
        self.assertTrue(client.closing)
        self.assertNoResult(done)
        client.lost()
        self.successResultOf(done)

    def test_a_request_that_was_on_its_way_is_answered(self) -> None:
        client = self.server.connect()
        self._drain()
        self.assertEqual(client.ask("GET", "/now").headers["connection"], "close")
        self.assertTrue(client.closing)

    def test_a_half_sent_request_is_answered(self) -> None:
        client = self.server.connect()
        client.send(b"GET /no")
        self._drain()
        self.server.wait(1)
        client.send(b"w HTTP/1.1\r\n\r\n")
        self.assertEqual([answer.status for answer in client.answers()], [200])

    def test_a_request_that_waits_is_answered_within_the_grace_time(self) -> None:
        client = self.server.connect()
        client.send(request("POST", "/later"))
        done = self._drain()
        self.server.wait(9)
        self.assertFalse(client.closing)
        self.waiting[0].callback(Response(200, TEXT, b"just in time"))
        self.assertEqual([answer.headers["connection"] for answer in client.answers()], ["close"])
        client.lost()
        self.successResultOf(done)
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_the_grace_time_may_be_as_long_as_an_update_waits(self) -> None:
        client = self.server.connect()
        client.send(request("POST", "/later"))
        self._drain(grace=45)
        self.server.wait(40)
        self.waiting[0].callback(Response(200, TEXT, b"just in time"))
        self.assertEqual([answer.status for answer in client.answers()], [200])

    def test_after_the_grace_time_everything_is_cut(self) -> None:
        client = self.server.connect()
        client.send(request("POST", "/later"))
        self._drain()
        self.server.wait(11)
        self.assertTrue(client.transport.aborted)

    def test_nobody_new_is_let_in(self) -> None:
        self.server.connect()
        self._drain()
        self.assertRaises(ConnectionRefusedError, self.server.connect)


class Failures(BoundsCase):
    def test_an_unexpected_error_is_logged_and_not_told(self) -> None:
        def broken(exchange: Exchange) -> Response:
            raise ZeroDivisionError("the secret of the house")

        answer = Server({b"/": {b"GET": broken}}).connect().ask("GET", "/")
        self.assertEqual((answer.status, answer.error), (500, "internal"))
        self.assertNotIn(b"secret", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_an_unexpected_later_error_is_logged_and_not_told(self) -> None:
        client = self.server.connect()
        client.send(request("POST", "/later"))
        self.waiting[0].errback(ZeroDivisionError("the secret of the house"))
        self.assertEqual([answer.error for answer in client.answers()], ["internal"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_no_answer_tells_which_software_gave_it(self) -> None:
        self.assertNotIn("server", self.server.connect().ask("GET", "/now").headers)

    def test_answers_are_not_cached(self) -> None:
        headers = self.server.connect().ask("GET", "/now").headers
        self.assertEqual(headers["cache-control"], "no-store")
        self.assertEqual(headers["date"], "tue, 14 nov 2023 22:13:20 gmt")
