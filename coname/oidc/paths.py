"""Where the HTTPS front has its part of a login.

A provider that has a name in the configuration has paths of its own. By the way back, the front then knows who has sent
the browser, whatever comes with it (RFC 9700, section 4.4.2.2).
"""

LOGIN = "/oidc/login"
"""Where a login begins at a provider that fits the address: the first that has no name, or the first of all."""

_CALLBACK = "/oidc/callback"


def login(name: str) -> str:
    """Where a login at the provider of that name begins; empty: it has none."""
    return f"{LOGIN}/{name}" if name else LOGIN


def callback(name: str) -> str:
    """Where the provider of that name sends the browser back to; empty: it has none."""
    return f"{_CALLBACK}/{name}" if name else _CALLBACK
