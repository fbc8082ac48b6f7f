"""What every `ILogReplicator` does, written once against the interface, and run on every engine."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList, gatherResults
from zope.interface.verify import verifyObject

from coname.errors import ConameError, Unavailable
from coname.interfaces import CommittedEntry, ILogReplicator

PATIENCE_SECONDS = 30.0
"""For anything awaited, on a busy machine."""

LARGE_ENTRY = 900 * 1024
"""Nearly as much as all engines take."""


async def soon(deferred: Deferred[Any]) -> Any:
    """What `deferred` comes to; fails if that takes too long."""
    from twisted.internet import reactor

    return await deferred.addTimeout(PATIENCE_SECONDS, reactor)


async def until(condition: Callable[[], bool], what: str) -> None:
    """Look at `condition` until it is true."""
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    deadline = reactor.seconds() + PATIENCE_SECONDS
    while not condition():
        if reactor.seconds() > deadline:
            raise AssertionError(f"after {PATIENCE_SECONDS:g} seconds, still not: {what}")
        await deferLater(reactor, 0.02)


async def committed(log: ILogReplicator, count: int) -> list[CommittedEntry]:
    """The next `count` entries that somebody proposed; more, if more come along with the last."""
    found: list[CommittedEntry] = []
    while len(found) < count:
        batch: Sequence[CommittedEntry] = await soon(log.waitCommitted())
        if not batch:
            raise AssertionError("nothing was delivered")
        found.extend(entry for entry in batch if entry.data)
    return found


def data_of(entries: Sequence[CommittedEntry]) -> list[bytes]:
    return [entry.data for entry in entries]


class EngineSuite:
    """Mix into a trial TestCase that defines `make_logs` and `restart_log`."""

    most_replicas = 1
    """How many replicas one log can have with this engine."""

    async def make_logs(self, count: int) -> list[ILogReplicator]:
        """A new log's engines on empty disks, one for each of its replicas. Not started. Stopped when the test ends."""
        raise NotImplementedError

    async def restart_log(self, place: int) -> ILogReplicator:
        """Another process's engine on the disk of the replica at `place`, whose engine was stopped. Not started."""
        raise NotImplementedError

    async def started(self, count: int = 1) -> list[ILogReplicator]:
        logs = await self.make_logs(count)
        await soon(gatherResults([log.start(0) for log in logs]))
        return logs

    async def again(self, log: ILogReplicator, applied: int) -> ILogReplicator:
        """Stop `log`, which is the first replica's, and start it anew."""
        await soon(log.stop())
        new = await self.restart_log(0)
        await soon(new.start(applied))
        return new

    async def propose(self, log: ILogReplicator, *data: bytes) -> None:
        for one in data:
            await soon(log.propose(one))

    async def test_provides_the_interface(self) -> None:
        [log] = await self.make_logs(1)
        verifyObject(ILogReplicator, log)

    async def test_delivers_what_was_proposed_in_order_without_gaps(self) -> None:
        [log] = await self.started()
        await self.propose(log, b"one", b"two", b"three")
        found = await committed(log, 3)
        self.assertEqual(data_of(found), [b"one", b"two", b"three"])
        first = found[0].index
        self.assertEqual([entry.index for entry in found], [first, first + 1, first + 2])

    async def test_waits_until_something_is_committed(self) -> None:
        [log] = await self.started()
        while True:  # an engine's own first entry may come by itself
            waiting = log.waitCommitted()
            if not waiting.called:
                break
        await self.propose(log, b"late")
        found = list(await soon(waiting))
        while not any(entry.data for entry in found):
            found = await soon(log.waitCommitted())
        self.assertEqual(data_of(found)[-1], b"late")

    async def test_delivers_each_entry_once(self) -> None:
        [log] = await self.started()
        await self.propose(log, b"one")
        first = await committed(log, 1)
        await self.propose(log, b"two")
        second = await committed(log, 1)
        self.assertEqual(data_of([*first, *second]), [b"one", b"two"])

    async def test_a_second_wait_beside_the_first_is_a_mistake(self) -> None:
        [log] = await self.started()
        log.waitCommitted().addErrback(lambda failure: failure.trap(CancelledError))
        with self.assertRaises(RuntimeError):
            log.waitCommitted()

    async def test_a_cancelled_wait_loses_nothing(self) -> None:
        [log] = await self.started()
        waiting = log.waitCommitted()
        waiting.addErrback(lambda failure: failure.trap(CancelledError))
        waiting.cancel()
        await self.propose(log, b"one")
        self.assertEqual(data_of(await committed(log, 1)), [b"one"])

    async def test_refuses_proposals_before_start(self) -> None:
        [log] = await self.make_logs(1)
        await self.assertFailure(log.propose(b"early"), Unavailable)

    async def test_refuses_proposals_after_stop(self) -> None:
        [log] = await self.started()
        await soon(log.stop())
        await self.assertFailure(log.propose(b"late"), Unavailable)

    async def test_stop_ends_the_wait_and_every_later_one(self) -> None:
        [log] = await self.started()
        waiting = log.waitCommitted()
        stopped = log.stop()
        await self.assertFailure(waiting, CancelledError)
        await self.assertFailure(log.waitCommitted(), CancelledError)
        await soon(stopped)

    async def test_stop_leaves_no_proposal_without_an_answer(self) -> None:
        [log] = await self.started()
        taken = [log.propose(b"%d" % number) for number in range(500)]
        await soon(log.stop())
        for success, result in await soon(DeferredList(taken, consumeErrors=True)):
            self.assertTrue(success or result.check(Unavailable), result)

    async def test_stop_twice_is_no_error(self) -> None:
        [log] = await self.started()
        await soon(log.stop())
        await soon(log.stop())

    async def test_a_cancelled_proposal_harms_no_other(self) -> None:
        [log] = await self.started()
        taken = [log.propose(b"%d" % number) for number in range(20)]
        taken[10].cancel()
        results = await soon(DeferredList(taken, consumeErrors=True))
        self.assertLessEqual({number for number, (success, _) in enumerate(results) if not success}, {10})
        found = set(data_of(await committed(log, 19)))
        self.assertLessEqual({b"%d" % number for number in range(20)} - {b"10"}, found)

    async def test_many_proposals_at_once_keep_their_order(self) -> None:
        [log] = await self.started()
        wanted = [b"%d" % number for number in range(3000)]
        await soon(gatherResults([log.propose(data) for data in wanted]))
        self.assertEqual(data_of(await committed(log, len(wanted))), wanted)

    async def test_entries_of_any_bytes_come_out_as_they_went_in(self) -> None:
        [log] = await self.started()
        draw = random.Random(4711)
        wanted = [
            bytes(range(256)),
            b"\x00",
            b"\x00\xff" * 7,
            *(draw.randbytes(draw.randrange(1, 999)) for _ in range(20)),
        ]
        await soon(gatherResults([log.propose(data) for data in wanted]))
        self.assertEqual(data_of(await committed(log, len(wanted))), wanted)

    async def test_large_entries_come_through_one_after_another(self) -> None:
        [log] = await self.started()
        wanted = [bytes([number]) * LARGE_ENTRY for number in range(1, 6)]
        await soon(gatherResults([log.propose(data) for data in wanted]))
        self.assertEqual(data_of(await committed(log, len(wanted))), wanted)

    async def test_delivers_again_what_was_not_applied(self) -> None:
        [log] = await self.started()
        await self.propose(log, b"one", b"two", b"three")
        found = await committed(log, 3)
        again = await self.again(log, applied=found[0].index)
        self.assertEqual(await committed(again, 2), found[1:])

    async def test_delivers_nothing_again_that_was_applied(self) -> None:
        [log] = await self.started()
        await self.propose(log, b"one", b"two")
        last = (await committed(log, 2))[-1].index
        again = await self.again(log, applied=last)
        await self.propose(again, b"three")
        self.assertEqual(data_of(await committed(again, 1)), [b"three"])

    async def test_numbers_go_on_after_a_restart(self) -> None:
        [log] = await self.started()
        await self.propose(log, b"one")
        last = (await committed(log, 1))[-1].index
        again = await self.again(log, applied=last)
        await self.propose(again, b"two")
        self.assertGreater((await committed(again, 1))[-1].index, last)

    async def test_forgets_only_what_was_applied(self) -> None:
        [log] = await self.started()
        await self.propose(log, b"one", b"two")
        first = (await committed(log, 2))[0].index
        log.applied(first)
        await self.propose(log, b"three")
        await committed(log, 1)
        again = await self.again(log, applied=first)
        self.assertEqual(data_of(await committed(again, 2)), [b"two", b"three"])

    async def test_at_most_one_replica_leads_and_soon_one_does(self) -> None:
        logs = await self.started(min(3, self.most_replicas))
        await until(lambda: any(log.leading for log in logs), "somebody leads")
        self.assertEqual(sum(log.leading for log in logs), 1)

    async def stop_log(self, log: ILogReplicator) -> None:
        """For the end of a test, whatever state it left the engine in."""
        with contextlib.suppress(ConameError):
            await soon(log.stop())


class ReplicasSuite(EngineSuite):
    """The same, for an engine whose log several replicas can share."""

    most_replicas = 3

    async def test_all_replicas_see_one_order(self) -> None:
        logs = await self.started(3)
        wanted = {b"%d of %d" % (number, place) for number in range(200) for place in range(3)}
        taken = [log.propose(b"%d of %d" % (number, place)) for number in range(200) for place, log in enumerate(logs)]
        await soon(DeferredList(taken))
        found = [await committed(log, len(wanted)) for log in logs]
        self.assertEqual(found[0], found[1])
        self.assertEqual(found[0], found[2])
        self.assertEqual(set(data_of(found[0])), wanted)
        self.assertEqual(len(found[0]), len(wanted))
        indices = [entry.index for entry in found[0]]
        self.assertEqual(indices, sorted(set(indices)))

    async def test_a_replica_that_was_away_gets_what_it_missed(self) -> None:
        logs = await self.started(3)
        await self.propose(logs[1], b"one")
        last = (await committed(logs[0], 1))[-1].index
        await soon(logs[0].stop())
        await self.propose(logs[1], b"two")
        await self.propose(logs[2], b"three")
        again = await self.restart_log(0)
        await soon(again.start(last))
        self.assertEqual(data_of(await committed(again, 2)), [b"two", b"three"])
