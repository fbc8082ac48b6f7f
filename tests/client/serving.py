"""A program: the simulated realm behind real gRPC and HTTPS, both with TLS, until standard input ends.

``python -m tests.client.serving FOLDER`` writes FOLDER/config.json for clients, and then says so.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from twisted.internet import asyncioreactor

asyncioreactor.install()

import grpc  # noqa: E402
from google.protobuf import json_format  # noqa: E402
from twisted.internet import reactor, ssl, stdio  # noqa: E402
from twisted.internet.protocol import Protocol  # noqa: E402
from twisted.web.server import Site  # noqa: E402

from tests.client.grpc_server import serve_grpc  # noqa: E402
from tests.client.pki import make_pki  # noqa: E402
from tests.client.simulator import Realm  # noqa: E402
from tests.client.web import RealmResource  # noqa: E402


class UntilTheEnd(Protocol):
    """Stops the reactor when its input ends, which it does with the test."""

    def connectionLost(self, reason: object = None) -> None:
        if reactor.running:
            reactor.stop()


running: list[grpc.aio.Server] = []
"""Keeps the server from being collected, which would end it."""


async def serve(folder: Path) -> None:
    pki, realm = make_pki(), Realm(now=time.time() - 10)
    server, port = await serve_grpc(realm, grpc.ssl_server_credentials([(pki.key, pki.certificate)]))
    running.append(server)
    options = ssl.PrivateCertificate.loadPEM(pki.certificate + pki.key).options()
    web = reactor.listenSSL(0, Site(RealmResource(realm)), options, interface="127.0.0.1")
    config = realm.config()
    config.realms[0].addr = f"127.0.0.1:{port}"
    config.realms[0].URL = f"https://127.0.0.1:{web.getHost().port}"
    config.realms[0].client_tls.root_cas.append(pki.authority)
    (folder / "config.json").write_text(json_format.MessageToJson(config, preserving_proto_field_name=True))
    stdio.StandardIO(UntilTheEnd())
    print("ready", flush=True)


if __name__ == "__main__":
    reactor.callWhenRunning(lambda: asyncio.ensure_future(serve(Path(sys.argv[1]))))
    reactor.run()
