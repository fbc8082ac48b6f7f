"""How a realm is registered with a provider: what its operator was told there, or chose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ProviderSettings:
    """How a realm is registered with a provider.

    :ivar domains: whose addresses it may vouch for, as domains or ``*.`` and a domain, canonical.
    :ivar discovery_url: where its description is. :ivar issuer: what it calls itself.
    :ivar client_id: what it calls the realm. :ivar client_secret: empty if it asks for none.
    :ivar validity: seconds for which an ID token is good from its making.
    :ivar scope: what is asked for at a login.
    :ivar name: by which its logins have paths of their own (`coname.oidc.paths`); empty: they have not.
    """

    domains: Sequence[str]
    discovery_url: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    validity: float
    scope: str
    name: str = ""
