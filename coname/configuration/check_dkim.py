"""Checks of a registration policy by DKIM."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from coname.configuration.check_realm import check_domains
from coname.core import addresses
from coname.core.text import quoted
from coname.errors import InvalidRequest
from coname.registration.dkim_policy import parse_server

if TYPE_CHECKING:
    from coname.configuration.findings import Findings
    from coname.messages import config_pb2 as pb

LONGEST_PREFIX = 100
"""Characters of what subjects begin with: with the hash after it, mail programs need not fold the line twice."""


def check_dkim(policy: pb.RegistrationPolicy, folder: Path, findings: Findings) -> None:
    """`policy` says whose mails prove what, and what they have to say."""
    config = policy.email_proof_by_dkim
    if not config.allowed_domains:
        findings.at("allowed_domains").mistake("empty: whose addresses may be proved by mail?")
    check_domains(config.allowed_domains, findings.at("allowed_domains"), wildcards=True)
    if config.to_addr:
        _check_address(config.to_addr, findings.at("to_addr"))
    prefix = config.subject_prefix
    if len(prefix) > LONGEST_PREFIX or not (prefix.isascii() and prefix.isprintable()) or prefix != prefix.lstrip():
        findings.at("subject_prefix").mistake(
            f"{quoted(prefix)} cannot begin a subject: up to {LONGEST_PREFIX} printable ASCII characters are expected"
        )
    for number, text in enumerate(config.dns_servers):
        try:
            parse_server(text)
        except ValueError as error:
            findings.at("dns_servers").at(number).mistake(
                f"{text!r} is not an IP address, with or without port: {error}"
            )


def _check_address(address: str, findings: Findings) -> None:
    try:
        canonical = addresses.canonical(address)
    except InvalidRequest as error:
        findings.mistake(str(error))
        return
    if canonical != address:
        findings.mistake(f"{address!r} is not in canonical form; write {canonical!r}")
