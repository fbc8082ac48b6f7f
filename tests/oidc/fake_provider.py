"""A provider of ours that can be made to lie, to stall and to send too much. It speaks http on 127.0.0.1.

What it says when nobody has told it otherwise is in order.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from joserfc import jwk, jws
from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from coname.oidc.provider_settings import ProviderSettings

NOW = 1_800_000_000
CLIENT = "coname"
ADDRESS = "alice@example.com"

Answer = bytes | int
Serve = Callable[[Request], Answer]

GENERATE: dict[str, tuple[str, Any]] = {
    "RS256": ("RSA", 2048),
    "PS256": ("RSA", 2048),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
    "HS256": ("oct", 256),
}
_made: dict[tuple[str, str], Any] = {}


def key_for(algorithm: str, name: str = "one") -> Any:
    """A private key; the same one for the same words, since making one of RSA takes long."""
    if (algorithm, name) not in _made:
        kind, size = GENERATE[algorithm]
        _made[algorithm, name] = jwk.generate_key(kind, size)
    return _made[algorithm, name]


class FakeProvider(Resource):
    """Listens until `stop`.

    :ivar keys: what it publishes: JSON Web Keys.
    :ivar description: members that replace those of its description; None takes one out.
    :ivar paths: who answers a path in place of the usual.
    :ivar headers: of each answer. :ivar asked: how often each path was asked for.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        listen: Any = reactor
        self._port = listen.listenTCP(0, Site(self), interface="127.0.0.1")
        self.issuer = f"http://127.0.0.1:{self._port.getHost().port}"
        self.keys: list[dict[str, Any]] = [self.public("RS256"), self.public("ES256", kid="ec")]
        self.description: dict[str, Any] = {}
        self.paths: dict[str, Serve] = {}
        self.headers: dict[str, str] = {}
        self.asked: Counter[str] = Counter()

    def stop(self) -> Deferred[None]:
        return maybeDeferred(self._port.stopListening)

    def settings(self, **changes: Any) -> ProviderSettings:
        """How a realm is registered here."""
        values: dict[str, Any] = {
            "domains": ("example.com",),
            "discovery_url": self.issuer + "/.well-known/openid-configuration",
            "issuer": self.issuer,
            "client_id": CLIENT,
            "client_secret": "",
            "validity": 600.0,
            "scope": "openid email",
        }
        return ProviderSettings(**(values | changes))

    @staticmethod
    def public(algorithm: str, name: str = "one", kid: str | None = "rsa", **changes: Any) -> dict[str, Any]:
        """A public key, as it is published."""
        document = {"use": "sig", "alg": algorithm, "kid": kid, **key_for(algorithm, name).as_dict(private=False)}
        document |= {"kid": kid, **changes}
        return {member: value for member, value in document.items() if value is not None}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """What an ID token in order says; None takes a claim out."""
        values: dict[str, Any] = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "user-1",
            "exp": NOW + 300,
            "iat": NOW,
            "email": ADDRESS,
            "email_verified": True,
            **changes,
        }
        return {name: value for name, value in values.items() if value is not None}

    def token(
        self,
        claims: dict[str, Any] | None = None,
        algorithm: str = "RS256",
        key: Any = None,
        kid: str | None = "rsa",
        **header: Any,
    ) -> str:
        """An ID token, signed with `key`: by default the one published as `rsa`."""
        protected = {"alg": algorithm, "kid": kid, **header}
        protected = {name: value for name, value in protected.items() if value is not None}
        content = json.dumps(self.claims() if claims is None else claims)
        registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
        return jws.serialize_compact(protected, content, key or key_for(algorithm), registry=registry)

    def render(self, request: Request) -> Answer:
        path = request.path.decode()
        self.asked[path] += 1
        for name, value in self.headers.items():
            request.setHeader(name, value)
        return self.paths.get(path, self._usual)(request)

    def _usual(self, request: Request) -> Answer:
        if request.path == b"/.well-known/openid-configuration":
            return json.dumps(self.described()).encode()
        if request.path == b"/jwks":
            return json.dumps({"keys": self.keys}).encode()
        request.setResponseCode(404)
        return b"{}"

    def described(self) -> dict[str, Any]:
        """Its description."""
        usual = {
            "issuer": self.issuer,
            "jwks_uri": self.issuer + "/jwks",
            "authorization_endpoint": self.issuer + "/authorize",
            "token_endpoint": self.issuer + "/token",
            "userinfo_endpoint": self.issuer + "/userinfo",
            "id_token_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
        }
        return {name: value for name, value in (usual | self.description).items() if value is not None}


def says(body: bytes | dict[str, Any], status: int = 200, **headers: str) -> Serve:
    """Answers with `body`."""

    def serve(request: Request) -> bytes:
        request.setResponseCode(status)
        for name, value in headers.items():
            request.setHeader(name.replace("_", "-"), value)
        return body if isinstance(body, bytes) else json.dumps(body).encode()

    return serve


def moves_to(url: str) -> Serve:
    """Redirects."""
    return says(b"", 302, location=url)


def is_silent(request: Request) -> int:
    """Never answers."""
    return NOT_DONE_YET


def floods(request: Request) -> int:
    """Sends for as long as it is let."""

    def more() -> None:
        if not request._disconnected:
            request.write(b" " * 65536)
            later: Any = reactor
            later.callLater(0, more)

    request.notifyFinish().addErrback(lambda _: None)
    more()
    return NOT_DONE_YET
