"""The verifier's own database is damaged: it is said, and never taken for absence, nor held against the keyserver."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from coname.errors import Corrupt, Misconfigured
from coname.interfaces import Delete, Put
from tests.core.cases import each
from tests.core.honest import policy
from tests.verifier.harness import Verifier
from tests.verifier.lying import LIES, LyingKeyserver, honest


class DamageCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.keyserver = honest(LyingKeyserver())
        self.verifier = Verifier(self.keyserver)
        self.verifier.read()

    def keys(self, table: bytes) -> list[bytes]:
        return [key for key, _ in self.verifier.store.iterate(b"\0", b"\xff") if key[:1] == table]

    def go_on(self) -> None:
        """All that a verifier does."""
        self.verifier.open()
        self.verifier.reconnect()
        self.keyserver.set("alice", 100)
        self.keyserver.close()
        self.verifier.read()
        list(self.verifier.replay.unacknowledged())
        self.verifier.replay.rewind()
        self.verifier.reconnect()

    def check_said(self) -> None:
        self.assertRaises(Corrupt, self.go_on)
        self.assertEqual(self.verifier.evidence, [])


DAMAGE: dict[str, Callable[[bytes, bytes], Put | Delete]] = {
    "is missing": lambda key, value: Delete(key),
    "is cut short": lambda key, value: Put(key, value[:-5]),
    "is something else": lambda key, value: Put(key, b"\xff" * 40),
}


@each([(table, damage) for table in ("m", "e", "u", "t") for damage in DAMAGE], lambda case: f"{case[0]} {case[1]}")
class Records(DamageCase):
    """What is needed next of each table: the state, the newest epoch, alice's entry, the tree's root."""

    def check(self, case: tuple[str, str]) -> None:
        table, damage = case
        key = self.keys(table.encode())[-1]
        if table == "u":
            key = b"u" + LyingKeyserver().index("alice")
        value = self.verifier.store.get(key)
        assert value is not None
        self.verifier.store.write([DAMAGE[damage](key, value)], True)
        self.check_said()


class Others(DamageCase):
    def test_an_entry_where_the_tree_has_none(self) -> None:
        value = self.verifier.store.get(self.keys(b"u")[0])
        assert value is not None
        self.verifier.store.write([Put(b"u" + LyingKeyserver().index("bob"), value)], True)
        self.keyserver.set("bob")
        with self.assertRaises(Corrupt):
            self.verifier.read()

    def test_a_violation(self) -> None:
        LIES["wrong chain"].tell(self.keyserver)
        self.verifier.read()
        self.verifier.store.write([Put(b"b", b"\xff")], True)
        self.assertRaises(Corrupt, self.verifier.open)

    def test_evidence_that_was_not_handed_over(self) -> None:
        LIES["wrong chain"].tell(self.keyserver)
        self.verifier.read()
        (filed,) = self.keys(b"x")
        self.verifier.store.write([Put(filed, b"\xff"), Delete(b"y" + filed[1:])], True)
        self.assertRaises(Corrupt, self.verifier.open)

    def test_a_head_that_was_only_seen(self) -> None:
        LIES["wrong chain"].tell(self.keyserver)
        self.verifier.read()
        (seen,) = self.keys(b"s")
        self.verifier.store.write([Put(seen, b"\xff")], True)
        self.assertRaises(Corrupt, self.verifier.reconnect)


class OtherSettings(DamageCase):
    """The database of one verifier is not used by another."""

    def check_refused(self, name: str, **settings: object) -> None:
        with self.assertRaises(Misconfigured) as caught:
            Verifier(self.keyserver, self.verifier.store, **settings)
        self.assertIn(name, str(caught.exception))

    def test_realm(self) -> None:
        self.check_refused("realm", realm="elsewhere")

    def test_id(self) -> None:
        self.check_refused("id", id=7)

    def test_tree_nonce(self) -> None:
        self.check_refused("tree_nonce", tree_nonce=b"n")

    def test_the_policy_may_change(self) -> None:
        again = Verifier(self.keyserver, self.verifier.store, policy=policy(1, *self.keyserver.keys))
        self.assertEqual(again.replay.verified, 3)
