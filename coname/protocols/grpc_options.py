"""What gRPC's server permits a client: the options that bound it in size, number and time, each with its reason.

The names are gRPC core's channel arguments. All times are milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coname.messages.config_pb2 import Limits

OTHER_CALLS = 2000
"""Calls under way at once in each acceptor (below), besides as many as `pending_updates` lets wait; one more is
answered RESOURCE_EXHAUSTED by gRPC itself. Only lookups that come faster than they are answered get there."""

PENDING_CALLS, MOST_PENDING_CALLS = 10_000, 20_000
"""Calls that have arrived and that Python has not taken up yet: beyond the first number gRPC begins to turn some away,
beyond the second all. Its own numbers, 1,000 and 3,000, cut off thousands of updates that arrive in one moment."""

STREAMS_PER_CONNECTION = 1000
"""Calls under way at once on one connection, each of which costs some 17 kB: a client that lets more updates wait for
their epoch opens a second connection, as gRPC's libraries can."""

METADATA_BYTES = 8 * 1024
"""Headers of one call; gRPC's own soft limit. The protocol needs none."""

HANDSHAKE_MS = 10_000
"""From the connection to the end of the TLS handshake: slow links need one or two seconds."""

KEEPALIVE_MS, KEEPALIVE_TIMEOUT_MS = 60_000, 20_000
"""A connection that is silent for a minute is pinged, and closed if it stays so for 20 s: a peer that vanished
without a word holds no memory for long."""

PING_INTERVAL_MS, PING_STRIKES = 10_000, 2
"""A client that pings more often than every 10 s, more than twice, is told to go away."""

IDLE_MS = 10 * 60_000
"""A connection without a call for ten minutes is closed; clients reconnect by themselves."""

AGE_MS, AGE_GRACE_MS = 60 * 60_000, 10 * 60_000
"""A connection is asked to go after an hour and closed ten minutes later, so that a client that sends half of a
request and then nothing does not keep its place for good."""


ACCEPTORS, CONNECTIONS_PER_ACCEPTOR = 4, 256
"""An asyncio server of gRPC takes one call after the other, and each costs it a round trip to a thread of its own. Four
of them on one port, among which the kernel spreads the connections, take calls while others are on their way: a third
less processor time for each call. Each is given its share of `connections`, so few connections want fewer acceptors."""


def concurrent_calls(limits: Limits) -> int:
    """How many calls may be under way at once in each acceptor."""
    return limits.pending_updates + OTHER_CALLS


def acceptors(limits: Limits) -> int:
    """How many servers share the port."""
    return max(1, min(ACCEPTORS, limits.connections // CONNECTIONS_PER_ACCEPTOR))


def server_options(limits: Limits) -> list[tuple[str, int]]:
    """The options for each `grpc.aio.server` on the port.

    :param limits: with its defaults filled in; `request_bytes` bounds a message, `connections` the connections.
    """
    number = acceptors(limits)
    return [
        ("grpc.so_reuseport", int(number > 1)),
        ("grpc.max_allowed_incoming_connections", limits.connections // number),
        ("grpc.max_connection_idle_ms", IDLE_MS),
        ("grpc.max_connection_age_ms", AGE_MS),
        ("grpc.max_connection_age_grace_ms", AGE_GRACE_MS),
        *_common_options(limits),
    ]


def stream_server_options(limits: Limits) -> list[tuple[str, int]]:
    """The options for the server of a front for streams that last for ever, whose clients are known by certificate.

    A connection has no greatest age: the original's verifiers do not come back when their stream ends. A peer that
    vanished is noticed by its silence.

    :param limits: with its defaults filled in; `request_bytes` bounds a message, `connections` the connections.
    """
    return [
        ("grpc.so_reuseport", 0),
        ("grpc.max_allowed_incoming_connections", limits.connections),
        ("grpc.max_connection_idle_ms", IDLE_MS),
        *_common_options(limits),
    ]


def _common_options(limits: Limits) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", limits.request_bytes),
        ("grpc.max_concurrent_streams", STREAMS_PER_CONNECTION),
        ("grpc.server.max_pending_requests", PENDING_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", MOST_PENDING_CALLS),
        ("grpc.max_metadata_size", METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", METADATA_BYTES),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS),
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", PING_INTERVAL_MS),
        ("grpc.http2.max_ping_strikes", PING_STRIKES),
    ]
