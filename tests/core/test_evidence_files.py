"""Bundles as files."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.core.evidence import read_bundle, write_bundle
from coname.errors import ProofInvalid
from tests.core.cases import each
from tests.core.history import REPLICA, History, bundle, change, sign_head


def _whole() -> bytes:
    history = History()
    first = history.close(change("alice"), change("bob"))
    return write_bundle(
        bundle(
            rule="wrong_root",
            account="it was so",
            heads=[sign_head(first.head, REPLICA)],
            transcripts=[history.transcript(first, REPLICA)],
            updates=first.updates,
            entries=[history.proven(0, first, "alice"), history.proven(0, first, "nobody")],
        )
    )


class Files(SynchronousTestCase):
    def test_what_was_written_is_read(self) -> None:
        self.assertEqual(write_bundle(read_bundle(_whole())), _whole())

    def test_it_is_text_of_many_lines_that_ends_in_one(self) -> None:
        lines = _whole().decode().split("\n")
        self.assertEqual(lines[-1], "")
        self.assertIn('  "rule": "wrong_root",', lines)
        self.assertGreater(len(lines), 40)


WRONG = [
    ("nothing", b""),
    ("no JSON", b"evidence"),
    ("no Unicode", b'{"account": "\xff"}'),
    ("a list", b"[]"),
    ("null", b"null"),
    ("a number", b"1"),
    ("an unknown field", b'{"format": 1, "verdict": "guilty"}'),
    ("a field twice", b'{"rule": "a", "rule": "b"}'),
    ("a wrong type", b'{"heads": 3}'),
    ("heads of null", b'{"heads": [null]}'),
    ("a signature of nobody", b'{"heads": [{"signatures": {"nobody": "AAAA"}}]}'),
    ("bytes that are no base64", b'{"heads": [{"head": "A"}]}'),
    ("bytes that are a list", b'{"heads": [{"head": [1]}]}'),
    ("a number too large", b'{"format": 1e400}'),
    ("a number of many digits", b'{"format": ' + b"9" * 10_000 + b"}"),
    ("half a character", b'{"account": "\\ud800"}'),
    ("nesting without end", b'{"heads": ' + b"[" * 100_000),
    ("objects without end", b'{"heads": ' + b'{"heads":' * 100_000),
]


@each(WRONG, lambda case: case[0])
class Unreadable(SynchronousTestCase):
    def check(self, case: tuple[str, bytes]) -> None:
        error = self.assertRaises(ProofInvalid, read_bundle, case[1])
        self.assertEqual(error.step, "evidence")
        self.assertLess(len(str(error)), 400)
