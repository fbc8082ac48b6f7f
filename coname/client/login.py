"""A login with the organisation, for a registration: in the browser, which brings its outcome back to this machine."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlencode

from coname.client.framework import framework
from coname.client.loopback import Loopback
from coname.client.proving import Claim
from coname.client.transports.refusals import printable, refusal
from coname.client.ways import Way, ask_ways
from coname.core.addresses import split
from coname.errors import LoginRefused, RegistrationNeeded
from coname.messages.client_pb2 import EmailProof
from coname.oidc.claims import nonce_for

OTHER_WAYS = {
    "dkim": "a mail (--dkim)",
    "client_certificate": "a client certificate (client_tls in the configuration)",
}
"""How people prove an address where there is no login, by what servers call it."""

LOGIN_SECONDS = 600.0
"""How long the login is waited for: the front gives it no longer either."""

_PATH = re.compile(r"/[A-Za-z0-9/._~-]*")
"""Where a front says that logins begin: it is shown on somebody's terminal, and opened in their browser."""

Show = Callable[[str], None]
"""Brings an address before the person: opens the browser, or shows where to go."""


class Login:
    """Proves an address by logging in. A `coname.client.proving.Prove`.

    :param folder: where the configuration's paths begin.
    """

    def __init__(self, folder: Path, show: Show, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._show = show
        self._clock = clock

    async def __call__(self, claim: Claim) -> EmailProof:
        """The proof, once somebody has logged in.

        :raises RegistrationNeeded: the realm has no login for this address, and says what it has.
        :raises LoginRefused: nobody has logged in, or the login came to nothing.
        """
        front, offered = await ask_ways(claim, self._folder)
        way = _with_login(offered, claim.address)
        loopback = Loopback()
        try:
            self._show(login_address(front, way, claim, loopback.port, loopback.state))
            return proof_in(await self._outcome(loopback))
        finally:
            loopback.close()

    async def _outcome(self, loopback: Loopback) -> Mapping[str, str]:
        until = self._clock() + LOGIN_SECONDS
        while loopback.outcome is None:
            if self._clock() >= until:
                raise LoginRefused(f"nobody has logged in within {LOGIN_SECONDS / 60:.0f} minutes")
            await framework.sleep(0.1)
        return loopback.outcome


def login_address(front: str, way: Way, claim: Claim, port: int, state: str) -> str:
    """Where the browser begins. The nonce binds what comes of it to the entry (protocol section 11)."""
    query = {
        "domain": split(claim.address)[1],
        "nonce": nonce_for(claim.entry),
        "login_hint": claim.address,
        "port": str(port),
        "state": state,
    }
    return f"{front}{way['login']}?{urlencode(query)}"


def proof_in(outcome: Mapping[str, str]) -> EmailProof:
    """The proof that the browser has brought.

    :raises coname.errors.ConameError: what it has brought instead.
    """
    if "error" in outcome:
        raise refusal(outcome["error"], outcome.get("error_description", ""), LoginRefused)
    if outcome.get("id_token"):
        return EmailProof(oidc_token=outcome["id_token"])
    if outcome.get("saml_response"):
        return EmailProof(saml_response=outcome["saml_response"])
    raise LoginRefused("the browser came back without anything")


def _with_login(offered: Sequence[Way], address: str) -> Way:
    for way in offered:
        if _PATH.fullmatch(way.get("login", "")):
            return way
    kinds = sorted({printable(way.get("kind", "?")) for way in offered})
    taken = ", ".join(OTHER_WAYS.get(kind, kind) for kind in kinds) or "nothing"
    raise RegistrationNeeded(f"there is no login for {address}; the realm takes: {taken}")
