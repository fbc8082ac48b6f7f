"""What the HTTPS front has for registering: how it is done, and the ways of logging in, as the configuration says."""

from __future__ import annotations

import time
from typing import Any

from coname.configuration.settings import ReplicaSettings
from coname.protocols.http_service import Routes
from coname.protocols.registration_routes import registration_routes
from coname.registration.registrar import Registrar


def login_routes(settings: ReplicaSettings, registrar: Registrar, reactor: Any) -> Routes:
    """The routes that `registrar`'s checkers call for."""
    routes = dict(registration_routes(registrar))
    if settings.httpfront_url and any(checker.kind == "oidc" for checker in registrar.checkers):
        routes |= _oidc_routes(settings, registrar, reactor)
    return routes


def _oidc_routes(settings: ReplicaSettings, registrar: Registrar, reactor: Any) -> Routes:
    # Imported here: a realm without OpenID providers need not load what checks their tokens.
    from coname.oidc.fetching import Fetcher
    from coname.oidc.login import Logins
    from coname.oidc.provider import Provider
    from coname.oidc.sealing import COOKIE_KEY, VOUCHER_KEY, derived_key
    from coname.protocols.oidc_routes import oidc_routes
    from coname.registration.oidc import OidcChecker

    checkers = [checker for checker in registrar.checkers if isinstance(checker, OidcChecker)]

    def choose(domain: str) -> Provider | None:
        return next((provider for checker in checkers for provider in checker.for_domain(domain)), None)

    cookies, vouchers = (derived_key(settings.vrf_secret, settings.realm, each) for each in (COOKIE_KEY, VOUCHER_KEY))
    return oidc_routes(Logins(choose, Fetcher(reactor), settings.httpfront_url, cookies, vouchers, time.time))
