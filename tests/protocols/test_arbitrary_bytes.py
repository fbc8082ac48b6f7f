"""Whatever bytes arrive: the declared errors, no others, and nothing that grows."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import ConameError, NotFound
from coname.protocols import http_bounds as bounds
from coname.protocols.hkp import wanted_address
from coname.protocols.hkp_armour import armoured
from coname.protocols.http_channel import State
from coname.protocols.http_factory import TlsFactory
from coname.protocols.https import routes
from tests.protocols.identity import identity
from tests.protocols.openpgp import certificate
from tests.protocols.realm import SmallKeyserver
from tests.protocols.wire import Server, Transport

HTTP = st.sampled_from(
    [
        *(
            b"GET /status HTTP/1.1\r\n",
            b"POST /lookup HTTP/1.1\r\n",
            b"POST /update HTTP/1.0\r\n",
            b"\r\n",
            b"\r\n\r\n",
        ),
        *(b"Host: h\r\n", b"Content-Length: 5\r\n", b"Content-Length: 99999\r\n", b"Transfer-Encoding: chunked\r\n"),
        *(
            b"Connection: close\r\n",
            b"Expect: 100-continue\r\n",
            b"5\r\nabcde\r\n",
            b"0\r\n\r\n",
            b"fffffffff\r\n",
            b" x\r\n",
        ),
        b'{"user_id": "a@b"}',
    ]
)
PIECES = st.lists(st.one_of(HTTP, HTTP, st.binary(max_size=30)), max_size=20)


class Http(SynchronousTestCase):
    @given(PIECES)
    @settings(derandomize=True, max_examples=400, deadline=None)
    def test_every_answer_is_one_of_ours_and_every_connection_ends(self, pieces: list[bytes]) -> None:
        server = Server(routes(SmallKeyserver(now=1_700_000_000)))
        client = server.connect()
        for piece in pieces:
            client.send(piece)
        statuses = re.findall(rb"HTTP/1\.1 ([0-9]+) ", client.transport.read())
        self.assertLessEqual(set(statuses), {b"100", b"200", b"400", b"404", b"405", b"408", b"413", b"431"})
        server.wait(bounds.IDLE_SECONDS + bounds.BODY_SECONDS)
        waits = client.channel.state is State.ANSWER  # for an update, which takes as long as it takes
        self.assertTrue(client.closing or waits)

    def test_a_handshake_that_does_not_come_is_not_waited_for(self) -> None:
        server = Server({})
        tls = TlsFactory(identity().server_options(), server.factory, server.clock)
        transport = Transport()
        protocol = tls.buildProtocol(None)
        protocol.makeConnection(transport)
        protocol.dataReceived(b"\x16\x03\x01")
        server.wait(bounds.HEADER_SECONDS + 2)
        self.assertTrue(transport.aborted)

    def test_a_connection_over_the_count_gets_no_tls(self) -> None:
        server = Server({}, connections=0)
        tls = TlsFactory(identity().server_options(), server.factory, server.clock)
        self.assertIsNone(tls.buildProtocol(None))


class Hkp(SynchronousTestCase):
    certificate = certificate("alice@example.com")

    @given(st.binary(max_size=60) | st.text(max_size=30).map(lambda text: f"op=get&search={text}".encode()))
    @settings(derandomize=True, max_examples=400, deadline=None)
    def test_queries(self, query: bytes) -> None:
        try:
            address = wanted_address(query)
        except ConameError:
            return
        self.assertIn("@", address)

    @given(st.integers(0, 500), st.binary(min_size=1, max_size=8))
    @settings(derandomize=True, max_examples=200, deadline=None)
    def test_damaged_certificates(self, place: int, damage: bytes) -> None:
        damaged = self.certificate[:place] + damage + self.certificate[place + len(damage) :]
        self._only_declared(damaged)

    @given(st.binary(max_size=200))
    @settings(derandomize=True, max_examples=300, deadline=None)
    def test_what_is_no_certificate(self, value: bytes) -> None:
        self._only_declared(value)

    def _only_declared(self, value: bytes) -> None:
        with contextlib.suppress(NotFound):
            self.assertTrue(armoured(value).startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----"))


class Imports(SynchronousTestCase):
    def test_no_front_chooses_the_reactor(self) -> None:
        modules = "grpc_public https hkp manhole console openapi"
        lines = [f"import coname.protocols.{module}" for module in modules.split()]
        check = "import sys; sys.exit('twisted.internet.reactor' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", "\n".join([*lines, check])], check=False)
        self.assertEqual(done.returncode, 0)
