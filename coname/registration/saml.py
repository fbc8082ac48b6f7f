"""SAML 2.0 as a proof: a login at an identity provider, asked for by us, for the entry that is to be registered.

We are a service provider. `SamlChecker.login` makes the address to send a browser to; what comes back to `consumer` is
the proof. Nothing is kept in between: the request's ID says which entry it was for (`saml_request`), and the identity
provider repeats it in what it signs. What is checked is in `saml_signature` (which part is signed) and `saml_response`
(what it says); where the keys come from, in `saml_provider`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate
from zope.interface import implementer

from coname.core.hashes import entry_hash
from coname.errors import RegistrationRefused, Unavailable
from coname.registration import saml_metadata, saml_request
from coname.registration.one_thread import OneThread
from coname.registration.proof import IProofChecker, Presented, Proved, replay_id
from coname.registration.saml_metadata import IdentityProvider
from coname.registration.saml_provider import Metadata
from coname.registration.saml_response import Expected, Login, read
from coname.registration.saml_signature import NotSigned

KIND = "saml"

LOGIN = "/saml"
"""Where a login begins, at the HTTPS front."""

RESPONSE_BYTES = 128 * 1024
"""The largest response, in base64; one with certificates and fifty groups has about 20 kB."""

VALIDITY = 600.0
"""Seconds that a login may be old where the configuration does not say: each request asks for a new one."""

RELAY_STATE_BYTES = 80
"""The most that may come along (SAML 2.0 bindings, section 3.4.3)."""

OWN_METADATA_SECONDS = 7 * 24 * 3600.0
"""How long our own metadata says that it is valid."""


@dataclass(frozen=True)
class SamlSettings:
    """How a realm is known to an identity provider.

    :ivar domains: whose addresses it may vouch for, as domains or ``*.`` and a domain, canonical.
    :ivar called: what to call the identity provider before its metadata was asked for.
    :ivar entity_id: our name there. :ivar consumer: the address that responses are sent to.
    :ivar key: signs requests. :ivar certificate: with its public half.
    :ivar attribute: the name of the attribute with the e-mail address.
    :ivar validity: seconds that a login may be old.
    """

    domains: Sequence[str]
    called: str
    entity_id: str
    consumer: str
    key: saml_request.SigningKey = field(repr=False)
    certificate: Certificate
    attribute: str
    validity: float


@implementer(IProofChecker)
class SamlChecker:
    """Checks responses, and makes requests.

    :param skew: seconds that the identity provider's clock may differ from ours.
    :param thread: in which responses are read. :param signing: in which requests are signed.
    """

    kind = KIND

    def __init__(
        self, settings: SamlSettings, metadata: Metadata, skew: float, thread: OneThread, signing: OneThread
    ) -> None:
        self.settings = settings
        self._thread = thread
        self._signing = signing
        self.domains = settings.domains
        self._metadata = metadata
        self._skew = skew

    def offer(self, domain: str) -> Sequence[Mapping[str, str]]:
        """See `IProofChecker`: who is asked, and where a login begins."""
        return [{"issuer": self.settings.called, "login": LOGIN}]

    def takes(self, presented: Presented) -> bool:
        """See `IProofChecker`."""
        return bool(presented.email_proof.WhichOneof("proof_type") == "saml_response")

    async def check(self, presented: Presented, user_id: str, entry: bytes, now: float) -> Proved:
        """See `IProofChecker`."""
        data = _decoded(presented.email_proof.saml_response)
        provider = await self._metadata.get(now)
        try:
            login = await self._thread(read, data, self._expected(provider), now)
        except NotSigned as error:
            provider = await self._with_other_keys(provider, now, error)
            login = await self._thread(read, data, self._expected(provider), now)
        return Proved(
            address=login.address,
            kind=KIND,
            issuer=provider.entity_id,
            subject=login.subject,
            expires=login.expires,
            replay_id=replay_id(KIND, provider.entity_id, login.id.encode()),
            bound=_bound(login, entry),
        )

    def stop(self) -> None:
        """See `IProofChecker`."""
        self._thread.stop()
        self._signing.stop()

    async def login(self, hash_: bytes, relay_state: str, now: float) -> str:
        """Where to send a browser, so that whoever it is logs in.

        :param hash_: H(entry, 32) of the entry that is to be registered; empty for a login that names none.
        :param relay_state: comes back with the response; at most `RELAY_STATE_BYTES` bytes, or empty.
        :raises Unavailable: the identity provider's metadata cannot be had, or too many log in at this moment.
        """
        provider = await self._metadata.get(now)
        id_ = saml_request.new_id(hash_)
        settings = self.settings
        request = saml_request.document(id_, now, provider.location, settings.consumer, settings.entity_id)
        return await self._signing(saml_request.redirection, provider.location, request, relay_state, settings.key)

    def describe(self, now: float) -> bytes:
        """Our own metadata, XML, for the identity provider's operator."""
        certificate = self.settings.certificate.public_bytes(Encoding.DER)
        until = now + OWN_METADATA_SECONDS
        return saml_metadata.describe(self.settings.entity_id, self.settings.consumer, certificate, until)

    def _expected(self, provider: IdentityProvider) -> Expected:
        settings = self.settings
        return Expected(
            issuer=provider.entity_id,
            audience=settings.entity_id,
            consumer=settings.consumer,
            keys=provider.keys,
            attribute=settings.attribute,
            validity=settings.validity,
            skew=self._skew,
        )

    async def _with_other_keys(self, known: IdentityProvider, now: float, why: NotSigned) -> IdentityProvider:
        """The provider, if it has other keys by now than those by which a response was refused."""
        try:
            provider = await self._metadata.renewed(now)
        except Unavailable:
            raise why from None
        if list(provider.keys) == list(known.keys):
            raise why
        return provider


def _decoded(text: str) -> bytes:
    if len(text) > RESPONSE_BYTES:
        raise RegistrationRefused(f"the SAML response has {len(text)} characters; at most {RESPONSE_BYTES} are taken")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise RegistrationRefused("the SAML response is not base64") from error


def _bound(login: Login, entry: bytes) -> bool:
    """Whether the login was asked for so as to register this entry."""
    asked = saml_request.entry_hash_in(login.request)
    if asked is None:
        raise RegistrationRefused(f"the login answers {login.request[:80]!r}, which is no request of ours")
    if asked and asked != entry_hash(entry):
        raise RegistrationRefused("the login was for another entry than the one that is to be registered")
    return bool(asked)
