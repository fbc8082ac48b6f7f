"""The manhole over SSH: who gets in, and what they find there."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from twisted.conch.ssh.keys import Key
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from coname.protocols import manhole_ssh
from coname.protocols.manhole import ManholeService
from tests.needs import needs
from tests.protocols.ssh_client import Refused, Terminal, log_in
from tests.protocols.test_console import SmallAdministration


def new_key(path: Path) -> Key:
    """A new SSH key, in the file `path` and, its public half, beside it."""
    key = ed25519.Ed25519PrivateKey.generate()
    path.touch(0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    path.with_suffix(".pub").write_bytes(public + b" of the tests\n")
    return Key.fromString(path.read_bytes())


class ManholeCase(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        new_key(self.folder / "host")
        self.key = new_key(self.folder / "operator")
        self.authorized = self.folder / "authorized_keys"
        self.authorized.write_bytes(b"# operators\n" + (self.folder / "operator.pub").read_bytes())
        self.administration = SmallAdministration()
        self.service = ManholeService(self.administration, self.folder / "host", self.authorized, "", 0, reactor)
        self.service.startService()
        self.addCleanup(lambda: self.service.running and self.service.stopService())

    async def log_in(self, key: Key | None = None, **how: Any) -> Terminal:
        return await log_in(self.service.port, key or self.key, **how)


class Sessions(ManholeCase):
    async def test_the_helpers_are_at_hand(self) -> None:
        terminal = await self.log_in()
        shown = await terminal.type("status()")
        self.assertIn("realm.test", shown)

    async def test_it_says_what_can_be_done_here(self) -> None:
        terminal = await self.log_in()
        self.assertIn("help() lists", terminal.seen)
        self.assertIn('lookup("alice@example.com")', await terminal.type("help(lookup)"))

    async def test_it_is_python(self) -> None:
        terminal = await self.log_in()
        await terminal.type("x = 6")
        self.assertIn("42", await terminal.type("x * 7"))

    async def test_an_error_is_shown_and_the_session_goes_on(self) -> None:
        terminal = await self.log_in()
        self.assertIn("ZeroDivisionError", await terminal.type("1 / 0"))
        self.assertIn("42", await terminal.type("6 * 7"))

    async def test_sessions_do_not_share_their_names(self) -> None:
        first, second = await self.log_in(), await self.log_in()
        await first.type("x = 6")
        self.assertIn("NameError", await second.type("x"))

    async def test_what_is_ready_later_is_shown_later(self) -> None:
        terminal = await self.log_in()
        await terminal.type("propose_epoch()")
        self.administration.proposals[0].callback(8)
        self.assertIn("epoch 8 is ratified", await terminal.until("ratified"))

    async def test_tables_fit_the_terminal(self) -> None:
        terminal = await self.log_in(columns=40)
        shown = await terminal.type("epochs()")
        self.assertLessEqual(max(map(len, shown.splitlines())), 40)

    async def test_a_terminal_that_is_resized(self) -> None:
        terminal = await self.log_in(columns=100)
        await terminal.resize(40)
        shown = await terminal.type('lookup("alice@example.com")')
        self.assertLessEqual(max(map(len, shown.splitlines())), 40)

    async def test_exit_ends_the_session_only(self) -> None:
        terminal = await self.log_in()
        terminal.send(b"exit()\r")
        await terminal.ended
        self.assertIn("realm.test", await (await self.log_in()).type("status()"))

    async def test_sys_exit_ends_the_session_only(self) -> None:
        terminal = await self.log_in()
        terminal.send(b"raise SystemExit\r")
        await terminal.ended
        self.assertIn("realm.test", await (await self.log_in()).type("status()"))

    async def test_control_d_ends_the_session(self) -> None:
        terminal = await self.log_in()
        terminal.send(b"\x04")
        await terminal.ended

    async def test_bytes_that_are_no_text_are_not_typed(self) -> None:
        terminal = await self.log_in()
        terminal.send(b"\xff")
        self.assertIn("42", await terminal.type("6 * 7"))


class Logins(ManholeCase):
    async def test_another_key_is_refused(self) -> None:
        await self.assertFailure(Deferred.fromCoroutine(self.log_in(new_key(self.folder / "other"))), Refused)

    async def test_a_password_is_not_even_asked_for(self) -> None:
        error = await self.assertFailure(Deferred.fromCoroutine(self.log_in(password=b"secret")), Refused)
        self.assertEqual(error.methods, [b"publickey"])

    async def test_a_key_that_is_added_is_good_at_once(self) -> None:
        other = new_key(self.folder / "other")
        with self.authorized.open("ab") as file:
            file.write((self.folder / "other.pub").read_bytes())
        await self.log_in(other)

    async def test_a_key_that_is_removed_is_bad_at_once(self) -> None:
        await self.log_in()
        self.authorized.write_bytes(b"")
        await self.assertFailure(Deferred.fromCoroutine(self.log_in()), Refused)

    async def test_a_key_with_options_is_none(self) -> None:
        self.authorized.write_bytes(b'from="10.0.0.1" ' + (self.folder / "operator.pub").read_bytes())
        await self.assertFailure(Deferred.fromCoroutine(self.log_in()), Refused)
        self.flushLoggedErrors()

    async def _log_in_after(self, line: bytes) -> None:
        self.authorized.write_bytes(line + b"\n" + (self.folder / "operator.pub").read_bytes())
        await self.log_in()

    async def test_a_line_that_is_no_base64_locks_nobody_out(self) -> None:
        await self._log_in_after(b"ssh-ed25519 !!!")

    async def test_a_line_without_a_key_locks_nobody_out(self) -> None:
        await self._log_in_after(b"ssh-ed25519")

    async def test_a_line_with_half_a_key_locks_nobody_out(self) -> None:
        await self._log_in_after(b"ssh-ed25519 AAAA x")

    async def test_a_line_of_zeros_locks_nobody_out(self) -> None:
        await self._log_in_after(b"ssh-ed25519 " + b"A" * 40)

    async def test_a_line_of_pem_locks_nobody_out(self) -> None:
        await self._log_in_after(b"-----BEGIN X")

    async def test_a_line_that_is_no_text_locks_nobody_out(self) -> None:
        await self._log_in_after(b"\xff\xfe")

    async def test_without_a_file_nobody_gets_in(self) -> None:
        self.authorized.unlink()
        await self.assertFailure(Deferred.fromCoroutine(self.log_in()), Refused)
        self.flushLoggedErrors()

    async def test_commands_are_refused(self) -> None:
        terminal = await self.log_in()
        self.assertFalse(await terminal.request(b"exec", b"\0\0\0\x02ls"))

    async def test_it_listens_on_loopback_unless_told(self) -> None:
        host = self.service._listening.getHost().host
        self.assertEqual(host, "127.0.0.1")


class Bounds(ManholeCase):
    async def test_a_connection_that_does_not_log_in_is_cut(self) -> None:
        self.patch(manhole_ssh, "LOGIN_SECONDS", 0.1)
        lost: Deferred[None] = Deferred()

        class Silent(Protocol):
            def connectionLost(self, reason: object = None) -> None:
                lost.callback(None)

        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.service.port)
        await connectProtocol(endpoint, Silent())
        await lost

    async def test_connections_are_counted(self) -> None:
        self.patch(manhole_ssh, "CONNECTIONS", 1)
        await self.log_in()
        await self.assertFailure(Deferred.fromCoroutine(self.log_in()), Refused)

    async def test_stopping_ends_the_sessions(self) -> None:
        terminal = await self.log_in()
        await self.service.stopService()
        await terminal.ended
        self.assertEqual(self.service.port, 0)


class OpenSsh(ManholeCase):
    """With the client that operators use."""

    async def test_a_session(self) -> None:
        needs("ssh")
        known = self.folder / "known_hosts"
        host_key = (self.folder / "host.pub").read_text()
        known.write_text(f"[127.0.0.1]:{self.service.port} {host_key}")
        command = ["ssh", "-tt", "-F", "none", "-p", str(self.service.port), "-i", str(self.folder / "operator")]
        options = [f"UserKnownHostsFile={known}", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "BatchMode=yes"]
        for option in options:
            command += ["-o", option]
        done = await deferToThread(
            subprocess.run,
            [*command, "operator@127.0.0.1"],
            input=b"status()\rexit()\r",
            capture_output=True,
            timeout=50,
        )
        self.assertIn(b"realm.test", done.stdout, done.stderr)
