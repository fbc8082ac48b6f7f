"""What peers tell of where replicas are, and how far it goes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.replication.raft_places import MOST_STRANGERS, Places, Told

PAUSE = 25


class PlacesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.places = Places()
        self.places.know(10, {1: "a:1", 2: "b:1", 3: "c:1"})

    def hear(self, peer: int, applied: int, places: dict[int, str], at: int = 0) -> bool:
        return self.places.hear(peer, Told(applied, places, at), PAUSE)

    def test_what_is_as_old_as_the_own_state_is_no_news(self) -> None:
        self.assertFalse(self.hear(2, 10, {4: "d:1"}))
        self.assertNotIn(4, self.places.used)

    def test_one_that_was_removed_has_told_nothing(self) -> None:
        self.hear(2, 1 << 61, {4: "d:1"})
        self.places.know(20, {1: "a:1", 3: "c:1"})
        self.assertEqual(self.places.used, {1: "a:1", 3: "c:1"})

    def test_a_peer_that_tells_something_else_all_the_time_is_heard_now_and_then(self) -> None:
        changes = [self.hear(2, 20 + at, {100 + at: "d:1"}, at) for at in range(10 * PAUSE)]
        self.assertEqual(sum(changes), 10)
        self.assertEqual(len(self.places.used), 4)

    def test_a_long_list_keeps_out_nobody_of_whom_others_tell(self) -> None:
        self.hear(2, 1 << 61, dict.fromkeys(range(1000, 1000 + MOST_STRANGERS), "evil:1"))
        self.hear(3, 20, {4: "d:1", 5: "e:1"})
        self.assertEqual((self.places.used[4], self.places.used[5]), ("d:1", "e:1"))
        self.assertEqual(len(self.places.used), 3 + MOST_STRANGERS)

    def test_an_address_in_use_stays_whatever_else_is_told(self) -> None:
        self.hear(2, 20, {3: "moved:1"})
        self.places.turn(lambda replica: replica != 3)
        self.assertEqual(self.places.used[3], "moved:1")
        self.hear(1, 20, {3: "elsewhere:1"})
        self.assertFalse(self.places.turn(lambda replica: True))
        self.assertEqual(self.places.used[3], "moved:1")

    def test_each_address_has_its_turn(self) -> None:
        self.hear(2, 20, {3: "moved:1"})
        self.hear(1, 20, {3: "elsewhere:1"})
        seen = set()
        for _ in range(3):
            self.places.turn(lambda replica: False)
            seen.add(self.places.used[3])
        self.assertEqual(seen, {"c:1", "moved:1", "elsewhere:1"})
