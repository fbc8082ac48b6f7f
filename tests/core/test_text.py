"""What strangers sent does not spoil a sentence."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.core.text import hexed, quoted


class Quoted(SynchronousTestCase):
    def test_letters_stay_readable(self) -> None:
        self.assertEqual(quoted("é@example.com"), "'é@example.com'")

    def test_what_does_not_print_is_escaped(self) -> None:
        self.assertEqual(quoted("a\n\x1b\u202e\ud800"), r"'a\n\x1b\u202e\ud800'")

    def test_long_texts_are_cut(self) -> None:
        self.assertEqual(quoted("a" * 10**6), f"'{'a' * 100}'… (1000000 characters)")


class Hexed(SynchronousTestCase):
    def test_a_hash_is_whole(self) -> None:
        self.assertEqual(hexed(bytes(64)), "00" * 64)

    def test_nothing_is_said_to_be_nothing(self) -> None:
        self.assertEqual(hexed(b""), "nothing")

    def test_more_is_cut(self) -> None:
        self.assertEqual(hexed(bytes(10**6)), f"{'00' * 64}… (1000000 bytes)")
