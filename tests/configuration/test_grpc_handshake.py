"""gRPC over TLS with what `initialise` makes: a real server, real channels."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, ClassVar

import grpc
from google.protobuf import json_format
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from coname.config import client_tls, load_client, load_replica
from coname.configuration.init import InitOptions, Layout, initialise
from coname.configuration.tls import TlsIdentity
from coname.messages.config_pb2 import RealmConfig, VerifierConfig


class _Echo(grpc.GenericRpcHandler):
    """Answers every call with the common name that the client's certificate has."""

    def service(self, handler_call_details: Any) -> Any:
        async def answer(request: bytes, context: grpc.aio.ServicerContext) -> bytes:
            names: Any = context.auth_context().get("x509_common_name", [b""])
            return request + names[0]

        return grpc.unary_unary_rpc_method_handler(answer)


class GrpcHandshakeTests(TestCase):
    timeout = 60
    layout: ClassVar[Layout]

    @classmethod
    def setUpClass(cls) -> None:
        folder = Path(tempfile.mkdtemp(prefix="coname-grpc-"))
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.layout = initialise(folder / "realm", InitOptions(realm="example.com", verifiers=1))

    def setUp(self) -> None:
        self.settings = load_replica(self.layout.replicas[0])
        self.realm = load_client(self.layout.client).realms[0]

    def client(self, realm: RealmConfig) -> TlsIdentity:
        return client_tls(realm, self.layout.client.parent)

    def verifier(self) -> TlsIdentity:
        path = self.layout.verifiers[0]
        config = json_format.ParseDict(json.loads(path.read_text()), VerifierConfig())
        return client_tls(RealmConfig(client_tls=config.tls), path.parent)

    def test_client_is_answered(self) -> Deferred[None]:
        assert self.settings.public is not None
        return _deferred(self._answered(self.settings.public.tls, self.client(self.realm), b"hi"))

    def test_verifier_is_known_by_its_certificate(self) -> Deferred[None]:
        assert self.settings.verifier is not None
        path = self.layout.verifiers[0]
        name = f"verifier {int(json.loads(path.read_text())['id']):x}".encode()
        return _deferred(self._answered(self.settings.verifier.tls, self.verifier(), b"hi" + name))

    def test_client_without_a_certificate_is_no_verifier(self) -> Deferred[None]:
        assert self.settings.verifier is not None
        return _deferred(self._refused(self.settings.verifier.tls, self.client(self.realm)))

    def test_server_of_another_authority_is_not_trusted(self) -> Deferred[None]:
        assert self.settings.public is not None
        other = initialise(self.layout.folder.parent / "other", InitOptions(realm="example.com"))
        self.addCleanup(shutil.rmtree, other.folder)
        realm = load_client(other.client).realms[0]
        return _deferred(self._refused(self.settings.public.tls, self.client(realm)))

    def test_server_name_overrides_the_host(self) -> Deferred[None]:
        assert self.settings.public is not None
        realm = RealmConfig()
        realm.CopyFrom(self.realm)
        realm.client_tls.server_name = "elsewhere.example.com"
        return _deferred(self._refused(self.settings.public.tls, self.client(realm)))

    async def _answered(self, server: TlsIdentity, client: TlsIdentity, expected: bytes) -> None:
        self.assertEqual(await self._call(server, client), expected)

    async def _refused(self, server: TlsIdentity, client: TlsIdentity) -> None:
        try:
            await self._call(server, client)
        except grpc.aio.AioRpcError as error:
            self.assertEqual(error.code(), grpc.StatusCode.UNAVAILABLE)
        else:
            self.fail("answered")

    async def _call(self, server_tls: TlsIdentity, client_tls: TlsIdentity) -> bytes:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((_Echo(),))
        port = server.add_secure_port("127.0.0.1:0", server_tls.grpc_server_credentials())
        await server.start()
        options = client_tls.grpc_channel_options()
        credentials = client_tls.grpc_channel_credentials()
        try:
            async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options=options) as channel:
                answer: bytes = await channel.unary_unary("/test/Echo")(b"hi", timeout=20)
                return answer
        finally:
            await server.stop(None)


def _deferred(coroutine: Coroutine[Any, Any, None]) -> Deferred[None]:
    """`coroutine`, run in the loop of the reactor."""
    from twisted.internet import reactor

    loop = reactor._asyncioEventloop  # type: ignore[attr-defined]
    return Deferred.fromFuture(asyncio.ensure_future(coroutine, loop=loop))
