"""Somebody who registers people at all replicas in turn without waiting, and notes when each was acknowledged."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import ExitStack
from functools import partial

import grpc

from bench.people import update_request
from bench.replicas import Replicas, channel
from coname.messages.client_pb2 import LookupProof, UpdateRequest

PAUSE_SECONDS = 0.02
_TIMEOUT_SECONDS = 20.0
_RECONNECT = [("grpc.max_reconnect_backoff_ms", 200)]


class Prober:
    """Works from entering this context to leaving it."""

    def __init__(self, realm: Replicas) -> None:
        self._realm = realm
        self._times: list[tuple[float, float]] = []  # when each was begun, and acknowledged
        self._begun = self._ended = 0
        self._counting = threading.Lock()  # calls end in several threads
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._register)

    def __enter__(self) -> Prober:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()

    def answered(self) -> int:
        """How many were acknowledged."""
        return len(self._times)

    def in_flight(self) -> int:
        """How many have neither been acknowledged nor failed."""
        return self._begun - self._ended

    def first_begun_after(self, moment: float) -> float | None:
        """When the first was acknowledged of those that were begun after `moment`."""
        return min((ended for begun, ended in list(self._times) if begun > moment), default=None)

    def first_in_flight(self, moment: float, after: float) -> float | None:
        """When the first was acknowledged, later than `after`, of those that were begun before `moment`."""
        return min((ended for begun, ended in list(self._times) if begun < moment and ended > after), default=None)

    def _register(self) -> None:
        data = self._realm.data[0]
        secret, realm = data.settings.vrf_secret, data.realm
        numbers = itertools.count()
        with ExitStack() as stack:
            stubs = [
                stack.enter_context(channel(server, _RECONNECT)).unary_unary(
                    "/proto.E2EKSPublic/Update", UpdateRequest.SerializeToString, LookupProof.FromString
                )
                for server in self._realm.servers.values()
            ]
            for stub in itertools.cycle(stubs):
                if self._over.wait(PAUSE_SECONDS):
                    return
                request = update_request(realm, secret, next(numbers), 0)
                begun = time.monotonic()
                self._begun += 1
                stub.future(request, timeout=_TIMEOUT_SECONDS).add_done_callback(partial(self._done, begun))

    def _done(self, begun: float, call: grpc.Future[LookupProof]) -> None:
        ended = time.monotonic()
        with self._counting:
            self._ended += 1
        if not call.cancelled() and call.exception() is None:
            self._times.append((begun, ended))
