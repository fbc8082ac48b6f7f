"""Following a keyserver: reconnecting, pushing, catching up, and never dying of what it says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from coname.core import heads
from coname.errors import Corrupt, Refused, Unavailable
from coname.following import ahead, progress
from coname.following.backoff import MOST_SECONDS
from coname.following.follower import ReplayFailed
from coname.following.pusher import IN_FLIGHT
from tests.core.honest import key
from tests.following.fakes import VERIFIER, FakeWorld
from tests.verifier.lying import LIES, LyingKeyserver, honest


class FollowerCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.logged: list[Any] = []
        globalLogPublisher.addObserver(self.logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.logged.append)
        self.evidence = Path(self.mktemp())
        self.world = FakeWorld(self.evidence)
        self.addCleanup(self.end)

    def end(self) -> None:
        self.world.stop()
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    @property
    def pushed(self) -> list[int]:
        """The epochs of the signatures that the keyserver has taken."""
        return [heads.parse(signed.head).epoch for signed in self.world.network.pushed]

    def lines(self, level: LogLevel | None = None) -> list[str]:
        """What was logged."""
        return [
            event["log_format"].format(**event)
            for event in self.logged
            if event.get("log_namespace", "").startswith("coname.") and level in (None, event["log_level"])
        ]


class FollowTests(FollowerCase):
    def test_signs_what_was_there_and_what_comes(self) -> None:
        honest(self.world.keyserver, 3)
        self.world.start()
        self.assertEqual(sorted(self.pushed), [1, 2, 3])
        honest_more(self.world)
        self.assertEqual(sorted(self.pushed), [1, 2, 3, 4])
        tally = self.world.tally
        self.assertEqual((tally.verified_epoch, tally.signed, tally.connected, tally.signing), (4, 4, True, True))
        self.assertEqual(tally.issued, self.world.keyserver.issued)

    def test_tells_that_the_replicas_have_changed(self) -> None:
        honest(self.world.keyserver, 1)
        self.world.keyserver.hand_over(key("replica 8"), key("replica 9"))
        self.world.keyserver.close()
        self.world.start()
        self.assertEqual((self.world.tally.verified_epoch, self.world.tally.policy_since), (3, 2))
        (told,) = [line for line in self.lines() if "replicas have changed" in line]
        self.assertIn("by the head of epoch 2", told)
        self.assertIn(str(key("replica 8").key_id), told)

    def test_signatures_are_by_the_verifier_s_id(self) -> None:
        honest(self.world.keyserver, 1)
        self.world.start()
        (signed,) = self.world.network.pushed
        self.assertEqual(dict(signed.signatures), {VERIFIER.key_id: VERIFIER.sign(signed.head)})

    def test_empty_realm_is_waited_for(self) -> None:
        self.world.start()
        self.world.turn(200)
        self.assertEqual(self.world.network.starts, [0])
        honest_more(self.world)
        self.assertEqual(self.pushed, [1])

    def test_stream_is_begun_at_the_last_verified_head(self) -> None:
        honest(self.world.keyserver, 3)
        self.world.start()
        self.world.network.links[-1].break_off()
        self.world.turn(2)
        self.assertEqual(self.world.network.starts, [0, len(self.world.keyserver.steps) - 1])

    def test_stream_broken_in_the_middle_of_an_epoch(self) -> None:
        keyserver = self.world.keyserver
        honest(keyserver, 1)
        keyserver.set("alice", 7)
        self.world.start()
        self.world.network.links[-1].break_off()
        keyserver.set("bob")
        keyserver.close()
        self.world.turn(2)
        self.assertEqual(sorted(self.pushed), [1, 2])
        self.assertTrue(self.world.tally.signing)

    def test_old_epochs_are_checked_and_only_the_newest_is_signed(self) -> None:
        self.world = FakeWorld(self.evidence, late=True)
        honest(self.world.keyserver, 5)
        self.world.start()
        self.assertEqual((self.pushed, self.world.replay.verified), ([], 5))
        self.world.turn(2)
        self.assertEqual(self.pushed, [5])
        self.world.turn(60)
        self.assertEqual(self.pushed, [5])

    def test_connections_are_closed(self) -> None:
        self.world.start()
        self.world.network.links[-1].break_off()
        self.world.turn(2)
        self.world.stop()
        self.assertEqual([link.closed for link in self.world.network.links], [True, True])
        self.assertFalse(self.world.tally.connected)

    def test_it_stops_when_it_is_told(self) -> None:
        self.world.start()
        self.world.stop()
        self.assertIsInstance(self.world.failure.value, CancelledError)


def honest_more(world: FakeWorld) -> None:
    """Another epoch, issued now."""
    world.keyserver.set(f"user {len(world.keyserver.steps)}")
    world.keyserver.close()
    world.network.publish()


class HelperTests(FollowerCase):
    """While there is much to verify, another process checks signatures ahead."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(progress, "FAR_STEPS", 1000)
        self.patch(ahead, "MOST_BATCHES", 1)
        for number in range(2500):
            self.world.keyserver.set(f"user {number}")
        self.world.keyserver.close()

    def test_helps_until_the_keyserver_has_been_caught_up_with(self) -> None:
        self.world.start()
        self.assertEqual(self.pushed, [1])
        self.assertEqual(self.world.helper.asked, 501)
        self.assertTrue(self.world.helper.running)
        self.world.turn(2)
        self.assertFalse(self.world.helper.running)

    def test_steps_that_are_being_checked_are_not_the_end(self) -> None:
        self.world.helper.late = True
        self.world.start()
        self.world.turn(5)
        self.assertTrue(self.world.helper.running)
        self.assertFalse([line for line in self.lines() if "Caught up" in line])
        self.world.helper.answer()
        self.assertEqual(self.pushed, [1])

    def test_no_answer_is_needed(self) -> None:
        self.world.helper.late = True
        self.world.start()
        self.world.helper.answer(b"")
        self.assertEqual(self.pushed, [1])

    def test_is_ended_with_the_connection(self) -> None:
        self.world.start()
        self.assertTrue(self.world.helper.running)
        self.world.network.links[-1].break_off()
        self.assertFalse(self.world.helper.running)

    def test_is_ended_with_the_verifier(self) -> None:
        self.world.helper.late = True
        self.world.start()
        self.world.stop()
        self.assertFalse(self.world.helper.running)

    def test_is_not_started_for_little(self) -> None:
        self.patch(progress, "FAR_STEPS", 3000)
        self.world.start()
        self.world.turn(2)
        self.assertEqual((self.pushed, self.world.helper.asked), ([1], 0))


class ReconnectTests(FollowerCase):
    def test_delays_grow_and_are_bounded(self) -> None:
        self.world.network.reachable = False
        self.world.start()
        at = []
        for _ in range(4000):
            self.world.turn(0.25)
            if len(self.world.network.starts) > len(at) + 1:
                at.append(self.world.clock.seconds())
        self.assertEqual(at[:7], [1, 3, 7, 15, 31, 63, 127])
        self.assertEqual({later - earlier for earlier, later in pairwise(at[7:])}, {MOST_SECONDS})

    def test_jitter_halves_a_delay_at_most(self) -> None:
        self.world.network.reachable, self.world.jitter = False, 0.0
        self.world.start()
        self.world.turn(0.5)
        self.assertEqual(len(self.world.network.starts), 2)

    def test_success_makes_the_next_delay_short_again(self) -> None:
        self.world.network.reachable = False
        self.world.start()
        self.world.turn(20)
        self.world.network.reachable = True
        honest(self.world.keyserver, 1)
        self.world.turn(15)
        self.assertEqual(self.pushed, [1])
        before = len(self.world.network.starts)
        self.world.network.links[-1].break_off()
        self.world.turn(1)
        self.assertEqual(len(self.world.network.starts), before + 1)

    def test_connections_that_bring_nothing_are_made_less_and_less_often(self) -> None:
        honest(self.world.keyserver, 1)
        self.world.start()
        for _ in range(600):
            self.world.network.links[-1].break_off()
            self.world.turn(0.25)
        self.assertLess(len(self.world.network.starts), 12)

    def test_reason_is_logged(self) -> None:
        self.world.network.reachable = False
        self.world.start()
        (line,) = self.lines(LogLevel.warn)
        self.assertIn("UNAVAILABLE: failed to connect. Trying again in 1 s", line)


class PushTests(FollowerCase):
    def test_failed_push_is_tried_again_later_and_later(self) -> None:
        honest(self.world.keyserver, 1)
        self.world.network.refusal = Unavailable("busy")
        self.world.start()
        self.assertEqual(self.world.network.attempts, 1)
        self.world.turn(30)
        self.assertEqual(self.world.network.attempts, 5)
        self.world.network.refusal = None
        self.world.turn(20)
        self.assertEqual(self.pushed, [1])
        self.assertEqual(list(self.world.replay.unacknowledged()), [])

    def test_refused_push_is_told_and_not_repeated_at_speed(self) -> None:
        honest(self.world.keyserver, 1)
        self.world.network.refusal = Refused("no such verifier")
        self.world.start()
        self.world.turn(600)
        self.assertEqual(self.world.network.attempts, 1)
        self.assertEqual(self.world.tally.push_failures, 1)
        (line,) = self.lines(LogLevel.error)
        self.assertIn("refuses this verifier's signature on epoch 1: no such verifier", line)

    def test_refused_push_is_tried_again_an_hour_later(self) -> None:
        honest(self.world.keyserver, 1)
        self.world.network.refusal = Refused("no such verifier")
        self.world.start()
        self.world.turn(10)
        self.world.network.refusal = None
        self.world.turn(3700)
        self.assertEqual(self.pushed, [1])

    def test_refusal_of_every_epoch_is_told_once(self) -> None:
        self.world.network.refusal = Refused("no such verifier")
        honest(self.world.keyserver, 9)
        self.world.start()
        self.assertEqual(self.world.tally.push_failures, 9)
        self.assertEqual(len(self.lines(LogLevel.error)), 1)

    def test_not_more_than_some_at_once_and_the_newest_first(self) -> None:
        self.world.network.pending = []
        honest(self.world.keyserver, 20)
        self.world.start()
        self.assertEqual(len(self.pushed), IN_FLIGHT)
        self.world.network.pending[0].callback(None)
        self.assertEqual(len(self.pushed), IN_FLIGHT + 1)
        self.assertEqual(self.pushed[-1], 20)

    def test_what_was_not_acknowledged_is_pushed_on_the_next_connection(self) -> None:
        self.world.network.pending = []
        honest(self.world.keyserver, 2)
        self.world.start()
        self.world.stop()
        self.world.network.pending = None
        before = [signed.SerializeToString() for signed in self.world.network.pushed]
        self.world.network.pushed.clear()
        self.world.start()
        again = [signed.SerializeToString() for signed in self.world.network.pushed]
        self.assertEqual(sorted(again), sorted(before))

    def test_what_was_acknowledged_is_not_pushed_again(self) -> None:
        honest(self.world.keyserver, 2)
        self.world.start()
        self.world.network.links[-1].break_off()
        self.world.turn(2)
        self.assertEqual(sorted(self.pushed), [1, 2])

    def test_nothing_is_pushed_before_the_replay_has_returned(self) -> None:
        held: list[tuple[Deferred[Any], Any]] = []

        def work(function: Any, *arguments: Any) -> Deferred[Any]:
            if function == self.world.replay.take_many:
                held.append((Deferred(), function(*arguments)))
                return held[-1][0]
            return maybeDeferred(function, *arguments)

        self.world.work = work
        honest(self.world.keyserver, 1)
        self.world.start()
        self.assertEqual(self.pushed, [])
        held[0][0].callback(held[0][1])
        self.assertEqual(self.pushed, [1])


class RolledBackTests(FollowerCase):
    def lose(self, epoch: int) -> None:
        """The keyserver loses what came after an epoch, while nobody is connected."""
        self.world.keyserver.roll_back(epoch)
        self.world.network.links[-1].break_off()

    def test_keyserver_that_says_how_much_it_has(self) -> None:
        honest(self.world.keyserver, 9)
        self.world.start()
        self.lose(2)
        self.world.turn(20)
        self.assertTrue(any("looking further back" in line.lower() for line in self.lines()))
        self.assertTrue(self.world.tally.signing)
        self.world.keyserver.set("mallory")
        self.world.keyserver.close()
        self.world.network.publish()
        self.world.turn(5)
        self.assertFalse(self.world.tally.signing)
        self.assertEqual(self.world.tally.violations["two_heads"], 1)

    def test_keyserver_that_stays_silent(self) -> None:
        self.world.network.says_published = False
        honest(self.world.keyserver, 9)
        self.world.start()
        self.lose(2)
        self.world.turn(600)
        self.world.keyserver.set("mallory")
        self.world.keyserver.close()
        self.world.network.publish()
        self.world.turn(5)
        self.assertFalse(self.world.tally.signing)

    def test_replica_that_only_lags_is_no_violation(self) -> None:
        honest(self.world.keyserver, 9)
        steps = list(self.world.keyserver.steps)
        self.world.start()
        del self.world.keyserver.steps[-2:]
        self.world.network.links[-1].break_off()
        self.world.turn(5)
        self.world.keyserver.steps[:] = steps
        self.world.network.publish()
        honest_more(self.world)
        self.world.turn(2)
        self.assertTrue(self.world.tally.signing)
        self.assertEqual(max(self.pushed), 10)


class ViolationTests(FollowerCase):
    def violate(self, name: str = "wrong root") -> None:
        honest(self.world.keyserver, 3)
        self.world.start()
        LIES[name].tell(self.world.keyserver)
        self.world.network.publish()

    def test_it_is_told_in_plain_words_with_the_file(self) -> None:
        self.violate()
        (path,) = self.evidence.iterdir()
        lines = self.lines(LogLevel.critical)
        self.assertEqual(len(lines), 2)
        self.assertIn("VIOLATION of the rule wrong_root in epoch 4: ", lines[0])
        self.assertIn(f"coname judge {path}", lines[0])
        self.assertIn("This verifier signs nothing any more", lines[1])
        self.assertIn("coname verifier resume --config config.json", lines[1])

    def test_it_is_counted(self) -> None:
        self.violate()
        self.assertEqual(dict(self.world.tally.violations), {"wrong_root": 1})
        self.assertFalse(self.world.tally.signing)

    def test_it_goes_on_watching_and_signs_nothing(self) -> None:
        self.violate()
        honest_more(self.world)
        LIES["second head in one log"].tell(self.world.keyserver)
        self.world.network.publish()
        self.world.turn(5)
        self.assertEqual(sorted(self.pushed), [1, 2, 3])
        self.assertTrue(self.world.tally.connected)
        self.assertEqual(self.world.tally.violations["two_heads"], 1)
        self.assertEqual(len(list(self.evidence.iterdir())), 2)

    def test_it_is_told_again_after_a_restart(self) -> None:
        self.violate()
        self.world.stop()
        self.logged.clear()
        self.world.start()
        self.assertEqual(len(self.lines(LogLevel.critical)), 1)
        self.assertEqual(sorted(self.pushed), [1, 2, 3])

    def test_every_lie_leaves_it_running(self) -> None:
        for name in LIES:
            self.world.stop()
            self.world = FakeWorld(self.evidence, LyingKeyserver())
            self.violate(name)
            self.world.network.links[-1].break_off()
            self.world.turn(300)
            self.assertIsNone(self.world.failure, name)
            self.assertFalse(self.world.tally.signing, name)


class FullDiskTests(FollowerCase):
    def setUp(self) -> None:
        super().setUp()
        self.evidence.write_text("in the way")  # of the folder
        honest(self.world.keyserver, 2)
        LIES["wrong root"].tell(self.world.keyserver)
        self.world.start()

    def test_it_is_told_and_goes_on(self) -> None:
        (line,) = [line for line in self.lines(LogLevel.critical) if "VIOLATION" in line]
        self.assertIn("could not be written to a file", line)
        self.assertEqual(sorted(self.pushed), [1, 2])
        self.assertEqual((self.world.tally.violations["wrong_root"], self.world.tally.evidence_waiting), (1, 1))

    def test_it_is_written_when_there_is_room(self) -> None:
        self.evidence.unlink()
        self.world.turn(70)
        (path,) = self.evidence.iterdir()
        self.assertIn("wrong_root", path.name)
        self.assertEqual((self.world.tally.violations["wrong_root"], self.world.tally.evidence_waiting), (1, 0))

    def test_it_is_written_by_the_next_process(self) -> None:
        self.world.stop()
        self.evidence.unlink()
        self.world.turn(60)
        self.world.start()
        self.assertEqual(len(list(self.evidence.iterdir())), 1)

    def test_it_goes_on_watching(self) -> None:
        LIES["second head in one log"].tell(self.world.keyserver)
        self.world.network.publish()
        self.world.network.links[-1].break_off()
        self.world.turn(10)
        self.assertIsNone(self.world.failure)
        self.assertGreater(len(self.world.network.starts), 1)


class DatabaseTests(FollowerCase):
    def test_failing_database_ends_it(self) -> None:
        self.world.start()

        def work(*words: Any) -> Any:
            raise Corrupt("the disk is failing")

        self.world.work = lambda *words: maybeDeferred(work, *words)
        honest_more(self.world)
        self.assertIsInstance(self.world.failure.value, ReplayFailed)


class ProgressTests(FollowerCase):
    def test_it_is_logged_while_there_is_much_to_do(self) -> None:
        for _ in range(1100):
            self.world.keyserver.set(f"user {len(self.world.keyserver.steps)}")
            self.world.keyserver.set(f"user {len(self.world.keyserver.steps)}")
            self.world.keyserver.close()
        held: list[Deferred[Any]] = []

        def work(function: Any, *arguments: Any) -> Deferred[Any]:
            result = maybeDeferred(function, *arguments)
            if function == self.world.replay.take_many and arguments[0]:
                held.append(Deferred())
                return held[-1].addCallback(lambda _: result)
            return result

        self.world.work = work
        self.world.base += 86400
        self.world.start()
        self.world.turn(5)
        held.pop().callback(None)
        self.world.turn(5)
        (line,) = [line for line in self.lines() if line.startswith("Catching up")]
        self.assertEqual(line, "Catching up: 30.3 %, 0 steps/s")
        held.pop().callback(None)
        self.world.turn(10)
        lines = [line for line in self.lines() if line.startswith("Catching up")]
        self.assertEqual(lines[-1], "Catching up: 60.6 %, 200 steps/s, 6 s left")
        while held:
            held.pop().callback(None)
            self.world.turn(0.25)
        self.world.turn(2)
        (line,) = [line for line in self.lines() if line.startswith("Caught up")]
        self.assertIn("3,300 steps are verified, up to epoch 1100", line)
        self.assertEqual(self.pushed, [1100])


class StrangeTests(FollowerCase):
    def test_chores_that_fail_once_are_done_again(self) -> None:
        honest(self.world.keyserver, 1)
        self.world.start()
        offered: list[int] = []

        async def offer() -> None:
            offered.append(1)
            raise ValueError("whatever")

        self.patch(self.world.follower, "_offer_again", offer)
        self.world.turn(185)
        self.assertEqual(len(offered), 3)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 3)

    def test_push_that_fails_as_nobody_foresaw_is_tried_again(self) -> None:
        honest(self.world.keyserver, 1)
        self.world.network.refusal = ValueError("what?")  # type: ignore[assignment]
        self.world.start()
        self.world.network.refusal = None
        self.world.turn(5)
        self.assertEqual(self.pushed, [1])
