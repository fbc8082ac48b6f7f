"""What the HTTPS front has for registering: how it is done, and the ways of logging in, as the configuration says."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

from coname.configuration.settings import ReplicaSettings
from coname.core import domains
from coname.core.text import quoted
from coname.errors import NotFound
from coname.protocols.http_service import Routes
from coname.protocols.registration_routes import registration_routes
from coname.registration.registrar import Registrar

_WHICH = "domain is missing: this realm has several identity providers"


def login_routes(settings: ReplicaSettings, registrar: Registrar, reactor: Any) -> Routes:
    """The routes that `registrar`'s checkers call for."""
    routes = dict(registration_routes(registrar))
    if settings.httpfront_url and any(checker.kind == "oidc" for checker in registrar.checkers):
        routes |= _oidc_routes(settings, registrar, reactor)
    if any(checker.kind == "saml" for checker in registrar.checkers):
        routes |= _saml_routes(settings, registrar)
    return routes


def _oidc_routes(settings: ReplicaSettings, registrar: Registrar, reactor: Any) -> Routes:
    # Imported here: a realm without OpenID providers need not load what checks their tokens.
    from coname.oidc.fetching import Fetcher
    from coname.oidc.login import Logins, chosen
    from coname.oidc.provider import Provider
    from coname.oidc.sealing import COOKIE_KEY, VOUCHER_KEY, derived_key
    from coname.protocols.oidc_routes import oidc_routes
    from coname.registration.oidc import OidcChecker

    checkers = [checker for checker in registrar.checkers if isinstance(checker, OidcChecker)]

    def choose(domain: str, name: str) -> Provider | None:
        return chosen([provider for checker in checkers for provider in checker.for_domain(domain)], name)

    names = {provider.settings.name for checker in checkers for provider in checker.providers} - {""}

    cookies, vouchers = (derived_key(settings.vrf_secret, settings.realm, each) for each in (COOKIE_KEY, VOUCHER_KEY))
    logins = Logins(choose, Fetcher(reactor), settings.httpfront_url, cookies, vouchers, time.time)
    return oidc_routes(logins, names)


def _saml_routes(settings: ReplicaSettings, registrar: Registrar) -> Routes:
    from coname.oidc.sealing import derived_key
    from coname.protocols.saml_routes import saml_routes
    from coname.registration.saml import SamlChecker
    from coname.registration.saml_login import COOKIE_KEY, SamlLogins

    checkers = [checker for checker in registrar.checkers if isinstance(checker, SamlChecker)]

    def choose(domain: str) -> SamlChecker:
        if not domain and len(checkers) == 1:
            return checkers[0]
        found = (checker for checker in checkers if domain and domains.matches(domain, checker.domains))
        checker = next(found, None)
        if checker is None:
            raise NotFound(f"no identity provider vouches for addresses of {quoted(domain)}" if domain else _WHICH)
        return checker

    key = derived_key(settings.vrf_secret, settings.realm, COOKIE_KEY)
    consumers = {urlsplit(checker.settings.consumer).path for checker in checkers}
    return saml_routes(
        SamlLogins(choose, key, time.time), lambda domain: choose(domain).describe(time.time()), consumers
    )
