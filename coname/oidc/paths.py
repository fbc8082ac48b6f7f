"""Where the HTTPS front has its part of a login."""

LOGIN = "/oidc/login"
"""Where a login begins."""

CALLBACK = "/oidc/callback"
"""Where the provider sends the browser back to."""
