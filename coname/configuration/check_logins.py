"""What checks of registration policies by OpenID Connect and by SAML have in common: people log in elsewhere."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from coname.configuration.check_realm import check_duration
from coname.core.text import quoted
from coname.oidc.urls import UrlNotAllowed, check_configured
from coname.registration.proof import LONGEST_VALIDITY

if TYPE_CHECKING:
    from pathlib import Path

    from coname.configuration.findings import Findings
    from coname.messages.client_pb2 import Duration


def check_asked(url: str, findings: Findings) -> None:
    """`url`, of the provider's own description, is one that is asked."""
    try:
        if check_configured(url).scheme == "http":
            findings.warn(f"{quoted(url)} is not https; that is for trying things out on one machine")
    except UrlNotAllowed as error:
        findings.mistake(str(error))


def check_validity(duration: Duration, findings: Findings) -> None:
    """A login is good for no longer than one may be."""
    seconds = check_duration(duration, findings)
    if seconds > LONGEST_VALIDITY:
        findings.mistake(f"{seconds:g} s is too long: a login is good for {LONGEST_VALIDITY:g} s at the most")


def check_private(path: Path, findings: Findings) -> None:
    """Nobody but its owner can read the secret file `path`.

    :raises OSError: it is not there.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        findings.mistake(f"{path} has mode {mode:04o}, so others can read it: chmod 600")
