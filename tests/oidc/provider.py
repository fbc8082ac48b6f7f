"""The npm package oidc-provider, a certified OpenID provider that nobody here wrote, as a process."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.needs import needs_node_modules

FOLDER = Path(__file__).parents[1] / "identity"


class RealProvider:
    """Listens on 127.0.0.1 from its making to `stop`.

    Whoever gives a name at its form is logged in under it, with any password.

    :param clients: as oidc-provider's configuration has them; see `client`.
    :param options: of ``oidc_provider.js``.
    :ivar issuer: what it calls itself: ``http://127.0.0.1:PORT``.
    """

    def __init__(self, clients: list[dict[str, Any]], **options: Any) -> None:
        needs_node_modules(FOLDER)
        command = ["node", "oidc_provider.js", json.dumps({"clients": clients, **options})]
        self._process = subprocess.Popen(
            command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        first = self._process.stdout.readline()
        if not first:
            raise AssertionError(f"oidc-provider did not start: {' '.join(command)}")
        self.issuer: str = json.loads(first)["issuer"]

    def stop(self) -> None:
        """End the process; calling it again does nothing."""
        self._process.kill()
        self._process.communicate()


def client(
    front: str, client_id: str = "coname", secret: str = "", algorithm: str = "RS256", **more: Any
) -> dict[str, Any]:
    """A realm, as it is registered with the provider."""
    registered: dict[str, Any] = {
        "client_id": client_id,
        "redirect_uris": [f"{front}/oidc/callback"],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "id_token_signed_response_alg": algorithm,
        "token_endpoint_auth_method": "client_secret_basic" if secret else "none",
        **more,
    }
    return {**registered, "client_secret": secret} if secret else registered
