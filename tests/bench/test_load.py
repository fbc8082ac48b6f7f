"""The load generator's protocols, given the bytes that a server sends, whole and in pieces."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from bench.load.http1 import Http1, request
from bench.load.http2 import Http2, frame

HEADERS, DATA, SETTINGS, PING, WINDOW_UPDATE = 1, 0, 4, 6, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\nhello"


def call(stream: int, body: bytes, status: bytes) -> bytes:
    """A gRPC answer."""
    message = b"\x00" + len(body).to_bytes(4, "big") + body
    trailers = b"\x00\x0bgrpc-status" + bytes((len(status),)) + status
    return (
        frame(HEADERS, END_HEADERS, stream, b"\x88")
        + frame(DATA, 0, stream, message)
        + frame(HEADERS, END_HEADERS | END_STREAM, stream, trailers)
    )


class Http1Tests(SynchronousTestCase):
    """HTTP/1.1."""

    def test_a_request_says_how_long_its_body_is(self) -> None:
        self.assertIn(b"Content-Length: 2\r\n", request("/lookup", b"{}").replace(b"\r\n\r\n", b"\r\n"))

    def test_an_answer_is_given_when_its_last_byte_has_arrived(self) -> None:
        connection = Http1()
        connection.send(7, b"")
        for place in range(len(ANSWER) - 1):
            self.assertEqual(connection.feed(ANSWER[place : place + 1]), ([], b""))
        self.assertEqual(connection.feed(ANSWER[-1:]), ([(7, True, b"hello")], b""))

    def test_another_status_is_not_good(self) -> None:
        connection = Http1()
        answers, _ = connection.feed(ANSWER.replace(b"200", b"503"))
        self.assertFalse(answers[0][1])


class Http2Tests(SynchronousTestCase):
    """HTTP/2."""

    def setUp(self) -> None:
        self.connection = Http2("/proto.E2EKSPublic/Lookup", 2)

    def test_answers_are_told_apart_by_their_streams(self) -> None:
        self.connection.send(10, b"first")
        self.connection.send(11, b"second")
        answers, _ = self.connection.feed(call(3, b"to the second", b"0") + call(1, b"to the first", b"0"))
        self.assertEqual(answers, [(11, True, b"to the second"), (10, True, b"to the first")])

    def test_answers_may_come_in_pieces(self) -> None:
        self.connection.send(10, b"question")
        whole = call(1, b"answer", b"0")
        for place in range(len(whole) - 1):
            self.assertEqual(self.connection.feed(whole[place : place + 1]), ([], b""))
        self.assertEqual(self.connection.feed(whole[-1:]), ([(10, True, b"answer")], b""))

    def test_another_status_is_not_good(self) -> None:
        self.connection.send(10, b"question")
        answers, _ = self.connection.feed(call(1, b"", b"14"))
        self.assertEqual([(tag, good) for tag, good, _ in answers], [(10, False)])

    def test_settings_and_pings_are_acknowledged(self) -> None:
        ping = b"12345678"
        _, replies = self.connection.feed(frame(SETTINGS, 0, 0, b"") + frame(PING, 0, 0, ping))
        self.assertEqual(replies, frame(SETTINGS, ACK, 0, b"") + frame(PING, ACK, 0, ping))

    def test_data_waits_for_the_connections_window(self) -> None:
        large = b"x" * 60_000
        self.assertIn(large, self.connection.send(1, large))
        self.assertNotIn(large, self.connection.send(2, large))
        _, replies = self.connection.feed(frame(WINDOW_UPDATE, 0, 0, (60_000).to_bytes(4, "big")))
        self.assertIn(large, replies)
