"""The proof by OpenID Connect: an ID token of a provider that may vouch for the address (protocol section 11).

The token is bound to the entry by its nonce, which whoever begins a login chooses and the provider signs: it is the
entry's hash. `coname.oidc` checks everything else about the token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zope.interface import implementer

from coname.core import addresses, domains
from coname.core.text import quoted
from coname.errors import RegistrationRefused
from coname.oidc.claims import Identity, names_entry
from coname.oidc.paths import login
from coname.oidc.provider import Provider
from coname.oidc.tokens import read, unverified_issuer
from coname.oidc.vouching import carried, identified
from coname.registration.proof import IProofChecker, Presented, Proved, replay_id

KIND = "oidc"


@implementer(IProofChecker)
class OidcChecker:
    """Takes the ID tokens of some providers.

    :param front: whether people can log in at the HTTPS front.
    :param voucher_key: see `coname.oidc.vouching`.
    :ivar providers: those, each for its own domains.
    """

    kind = KIND

    def __init__(self, providers: Sequence[Provider], front: bool, voucher_key: bytes) -> None:
        self.providers = tuple(providers)
        self._front = front
        self._voucher_key = voucher_key
        self.domains = tuple(domain for provider in providers for domain in provider.settings.domains)

    def offer(self, domain: str) -> Sequence[Mapping[str, str]]:
        """See `IProofChecker`: who is asked, and where a login begins."""
        settings = [provider.settings for provider in self.for_domain(domain)]
        return [{"issuer": one.issuer, **({"login": login(one.name)} if self._front else {})} for one in settings]

    def for_domain(self, domain: str) -> list[Provider]:
        """The providers that may vouch for addresses of `domain`, the one that is configured first at the head."""
        return [each for each in self.providers if domains.matches(domain, each.settings.domains)]

    def takes(self, presented: Presented) -> bool:
        """See `IProofChecker`."""
        return bool(presented.email_proof.WhichOneof("proof_type") == "oidc_token")

    async def check(self, presented: Presented, user_id: str, entry: bytes, now: float) -> Proved:
        """See `IProofChecker`."""
        brought = carried(presented.email_proof.oidc_token)
        issuer, identity = await self._identify(brought.token, addresses.split(user_id)[1], now)
        identity = identified(identity, brought, self._voucher_key)
        if identity.address != user_id:
            raise RegistrationRefused(f"the login is for {quoted(identity.address)}, not for {quoted(user_id)}")
        return Proved(
            address=identity.address,
            kind=KIND,
            issuer=issuer,
            subject=identity.subject,
            expires=identity.expires,
            replay_id=replay_id(KIND, issuer, read(brought.token).signed),
            bound=names_entry(identity, entry),
        )

    def stop(self) -> None:
        """See `IProofChecker`. Nothing is held on to."""

    async def _identify(self, token: str, domain: str, now: float) -> tuple[str, Identity]:
        """The issuer of `token`, and who has logged in there. One issuer may know the realm under several names."""
        fitting = self.for_domain(domain)
        claimed = unverified_issuer(token)
        refusal = None
        for provider in fitting:
            if provider.settings.issuer == claimed:
                try:
                    return claimed, await provider.identify(token, now)
                except RegistrationRefused as error:
                    refusal = refusal or error
        if refusal is not None:
            raise refusal
        known = " or ".join(sorted({quoted(each.settings.issuer) for each in fitting}))
        raise RegistrationRefused(f"the ID token is by {quoted(claimed)}; addresses of {domain} need one by {known}")
