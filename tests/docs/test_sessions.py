"""What the pages show is what happens: their sessions, run against real processes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.pages import ROOT, pages
from tests.docs.sessions import check, steps
from tests.needs import needs

TESTED = {
    "README.md": ("curl",),
    "docs/tutorial.md": ("curl", "gpg", "ssh-keygen"),
    "docs/howto/install.md": (),
    "docs/howto/production.md": ("curl",),
    "docs/howto/logs.md": ("curl",),
    "docs/howto/backup.md": ("curl",),
    "docs/howto/rotation.md": ("curl",),
    "docs/howto/certificates.md": ("curl", "openssl"),
    "docs/howto/admit-a-verifier.md": ("curl",),
    "docs/howto/run-a-verifier.md": ("curl",),
    "docs/howto/cluster.md": (),
    "docs/howto/change-replicas.md": (),
    "docs/howto/gnupg.md": ("curl",),
    "docs/howto/page.md": ("curl",),
    "docs/howto/oidc.md": (),
    "docs/howto/dkim.md": ("curl",),
    "docs/howto/client-certificates.md": ("curl", "openssl"),
    "docs/howto/moving.md": ("curl",),
    "docs/reference/commands.md": (),
    "docs/reference/library.md": ("curl",),
}
"""The pages with sessions, and the programs that each needs."""


class Sessions(SynchronousTestCase):
    """Each page is one session, from its first command to its last."""

    def check(self, name: str) -> None:
        needs(*TESTED[name])
        check(ROOT / name)

    def test_readme(self) -> None:
        self.check("README.md")

    def test_tutorial(self) -> None:
        self.check("docs/tutorial.md")

    def test_install(self) -> None:
        self.check("docs/howto/install.md")

    def test_oidc(self) -> None:
        self.check("docs/howto/oidc.md")

    def test_production(self) -> None:
        self.check("docs/howto/production.md")

    def test_logs(self) -> None:
        self.check("docs/howto/logs.md")

    def test_backup(self) -> None:
        self.check("docs/howto/backup.md")

    def test_rotation(self) -> None:
        self.check("docs/howto/rotation.md")

    def test_dkim(self) -> None:
        self.check("docs/howto/dkim.md")

    def test_client_certificates(self) -> None:
        self.check("docs/howto/client-certificates.md")

    def test_certificates(self) -> None:
        self.check("docs/howto/certificates.md")

    def test_admit_a_verifier(self) -> None:
        self.check("docs/howto/admit-a-verifier.md")

    def test_run_a_verifier(self) -> None:
        self.check("docs/howto/run-a-verifier.md")

    def test_change_replicas(self) -> None:
        self.check("docs/howto/change-replicas.md")

    def test_gnupg(self) -> None:
        self.check("docs/howto/gnupg.md")

    def test_page(self) -> None:
        self.check("docs/howto/page.md")

    def test_cluster(self) -> None:
        self.check("docs/howto/cluster.md")

    def test_moving(self) -> None:
        self.check("docs/howto/moving.md")

    def test_commands(self) -> None:
        self.check("docs/reference/commands.md")

    def test_library(self) -> None:
        self.check("docs/reference/library.md")

    def test_no_page_with_a_session_is_left_out(self) -> None:
        with_sessions = {page.relative_to(ROOT).as_posix() for page in pages() if steps(page)}
        self.assertEqual(with_sessions, set(TESTED))
