"""What the pages show is what happens: their sessions, run against real processes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.pages import DOCS, ROOT
from tests.docs.sessions import check
from tests.needs import needs


class Sessions(SynchronousTestCase):
    """Each page is one session, from its first command to its last."""

    def test_readme(self) -> None:
        needs("curl")
        check(ROOT / "README.md")

    def test_tutorial(self) -> None:
        needs("curl", "gpg", "ssh-keygen")
        check(DOCS / "tutorial.md")
