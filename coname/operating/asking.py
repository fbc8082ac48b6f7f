"""Asking the replicas of a realm, any of which will do, as whoever holds one's configuration."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from google.protobuf.message import DecodeError
from twisted.internet.defer import Deferred, TimeoutError
from twisted.python.failure import Failure

from coname import errors
from coname.config import ReplicaSettings, load_replica
from coname.configuration.listen import Address, parse
from coname.engines import keeps_raft
from coname.errors import ConameError, Misconfigured, NotPermitted, Refused, Unavailable, Unreachable
from coname.keyserver.cluster import ALONE, KEPT_ELSEWHERE
from coname.messages.cluster_pb2 import ClusterAnswer, ClusterError, ClusterRequest, ClusterStatus, ClusterStatusRequest
from coname.messages.replication_pb2 import ReplicaChange
from coname.protocols.replication_operator import OperatorSession, connect

Result = TypeVar("Result")

ANSWER_SECONDS = 45.0
"""For one answer: longer than a replica lets a change wait (client_timeout, as `coname init` has it)."""


def settings_of(path: Path) -> ReplicaSettings:
    """The replica that the file configures.

    :raises Misconfigured: with every mistake in it.
    :raises Refused: its log is that of one replica alone, or in etcd, and there is nobody to ask.
    """
    settings = load_replica(path, replicated=True)
    if settings.etcd is not None:
        raise Refused(KEPT_ELSEWHERE)
    if not keeps_raft(settings):
        raise Refused(ALONE)
    return settings


class Cluster:
    """The replicas of a realm, seen from one's configuration.

    :ivar asked: who answered last, for people.
    """

    def __init__(self, settings: ReplicaSettings, reactor: Any) -> None:
        self._settings = settings
        self._reactor = reactor
        self._session: OperatorSession | None = None
        self._found: dict[str, None] = {}
        self.asked = ""

    async def status(self) -> ClusterStatus:
        """The cluster, as the leader sees it, or another replica that takes part; if none does, as any does.

        :raises Unreachable: none answers. :raises NotPermitted: those that do, do not answer this certificate.
        """
        request = ClusterRequest(status=ClusterStatusRequest())
        if self._session is not None:
            try:
                answer = await self._ask(self._session, request)
            except Unreachable:
                self._session = None
            else:
                if _is_current(answer):
                    return answer
                self.close()  # it may have been removed, and not know it yet
        return await self._first(request)

    async def change(self, change: ReplicaChange) -> ClusterStatus:
        """Have the set of replicas changed, by one that takes part.

        :raises ConameError: as the replica says; also as `status`.
        """
        await self.status()
        if self._session is None:
            raise Unreachable("no replica of the realm answers")
        return await self._ask(self._session, ClusterRequest(change=change))

    async def pause(self, seconds: float) -> None:
        """Let time pass."""
        waiting: Deferred[None] = Deferred()
        self._reactor.callLater(seconds, waiting.callback, None)
        await waiting

    def close(self) -> None:
        """Ask no more."""
        session, self._session = self._session, None
        if session is not None:
            session.cut()

    async def _first(self, request: ClusterRequest) -> ClusterStatus:
        """The answer of the first that takes part."""
        mistakes: list[ConameError] = []
        aside: ClusterStatus | None = None
        for address in self._addresses():
            try:
                session = await self._connect(address)
                answer = await self._ask(session, request)
            except ConameError as error:
                mistakes.append(error)
                continue
            if _is_current(answer):
                self.close()
                self._session = session
                return await self._by_the_leader(answer, request)
            if aside is None or (aside.standing and not answer.standing):
                self.close()
                self._session, aside = session, answer
            else:
                session.cut()
        if aside is not None:
            return aside
        raise _told(mistakes)

    async def _by_the_leader(self, answer: ClusterStatus, request: ClusterRequest) -> ClusterStatus:
        """The leader's own answer, since it knows who is behind; `answer`, if it is not reached from here."""
        led = [one.replica.raft_addr for one in answer.members if one.replica.id == answer.leader]
        if answer.leader == answer.answered_by or not led:
            return answer
        try:
            session = await self._connect(parse(led[0]))
            better = await self._ask(session, request)
        except (ConameError, ValueError):
            return answer
        if not _is_current(better):
            session.cut()
            return answer
        self.close()
        self._session = session
        return better

    async def _connect(self, address: Address) -> OperatorSession:
        return await connect(address, self._tls(), 2 * self._settings.raft_heartbeat, self._reactor)

    async def _ask(self, session: OperatorSession, request: ClusterRequest) -> ClusterStatus:
        waiting = session.ask(request.SerializeToString())
        waiting.addTimeout(ANSWER_SECONDS, self._reactor)
        try:
            answer = ClusterAnswer.FromString(await waiting)
        except TimeoutError:
            session.cut()
            raise Unreachable(f"no answer within {ANSWER_SECONDS:g} seconds") from None
        except DecodeError as error:
            raise Unreachable("an answer that this version does not understand") from error
        if answer.HasField("error"):
            raise _raised(answer.error)
        for member in answer.status.members:
            self._found[member.replica.raft_addr] = None
        self.asked = f"{answer.status.answered_by:016x}"
        return answer.status

    def _addresses(self) -> Sequence[Address]:
        """Its own first, then those that the configuration knows, then those that were told."""
        raft, message = self._settings.raft, self._settings.message
        own = [] if raft is None else [Address(raft.address.host or "localhost", raft.address.port)]
        known = [one.raft_addr for one in [*message.known_replicas, *message.keyserver_config.initial_replicas]]
        parsed = [parse(text) for text in [*known, *self._found] if text]
        return list(dict.fromkeys([*own, *parsed]))

    def _tls(self) -> Any:
        if self._settings.raft is None:
            raise Misconfigured([f"{self._settings.path}: raft_addr and raft_tls are needed to ask other replicas"])
        return self._settings.raft.tls


def _is_current(answer: ClusterStatus) -> bool:
    """Whether who says so takes part, and knows a leader."""
    return not answer.standing and bool(answer.leader)


def _told(mistakes: Sequence[ConameError]) -> ConameError:
    """One error for all that went wrong."""
    refused = [one for one in mistakes if isinstance(one, NotPermitted)]
    if refused:
        return NotPermitted(f"{refused[0]}; use the configuration of a replica that takes part, with --config")
    return Unreachable("no replica answers: " + "; ".join(dict.fromkeys(str(one) for one in mistakes)))


def _raised(error: ClusterError) -> ConameError:
    """An error of the replica's as one of ours."""
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, ConameError) and kind.code == error.code:
            return (
                kind(error.message) if kind not in (Misconfigured, errors.ProofInvalid) else Unavailable(error.message)
            )
    return Unavailable(error.message)


def run(work: Callable[[Any], Awaitable[Result]]) -> Result:
    """Run the reactor until `work`, which is given it, is done; once in the life of a process.

    :raises KeyboardInterrupt: it was interrupted. :raises Exception: what `work` raised.
    """
    from twisted.internet import reactor as found

    reactor: Any = found
    outcome: list[Result | Failure] = []

    def begin() -> None:
        async def wrapped() -> Result:
            return await work(reactor)

        Deferred.fromCoroutine(wrapped()).addBoth(outcome.append).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    if not outcome:
        raise KeyboardInterrupt
    result = outcome[0]
    if isinstance(result, Failure):
        result.raiseException()
        raise AssertionError("unreachable")
    return result
