"""``coname judge``."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click

from coname.client.console import options
from coname.client.console.exits import Exit, UsageMistake
from coname.client.console.report import Report
from coname.client.console.session import environment_of, find_config
from coname.client.console.verdicts import tell_verdict, verdict_document
from coname.core.evidence import judge as judge_evidence
from coname.core.evidence import read_bundle
from coname.core.evidence_bounds import MAX_BUNDLE_BYTES
from coname.errors import ProofInvalid
from coname.messages.config_pb2 import Config, RealmConfig
from coname.messages.evidence_pb2 import EvidenceBundle


@click.command()
@click.argument("bundle", type=click.File("rb"))
@options.common
@click.pass_context
def judge(ctx: click.Context, bundle: BinaryIO, config_path: Path | None, as_json: bool) -> None:
    """Judge the evidence in the file BUNDLE, - for standard input: who is proven to have broken which rule.

    Nothing is needed but the configuration of the realm, and nobody is asked: what is proven, is proven by signatures
    and hashes in the file. Exit status: 0 proven, 1 not proven, 2 usage, or a file that is no bundle.
    """
    report = Report("judge", as_json)
    with report.errors():
        config, evidence = find_config(config_path), _read(bundle)
        realm = _realm(config, evidence.realm)
        verdict = judge_evidence(realm, evidence, environment_of(ctx).now())
        status = Exit.DONE if verdict.proven else Exit.UNPROVEN
        report.finish(verdict_document(realm, verdict), lambda words: tell_verdict(words, realm, verdict), status)


def _read(file: BinaryIO) -> EvidenceBundle:
    try:
        return read_bundle(file.read(MAX_BUNDLE_BYTES + 1))
    except ProofInvalid as error:
        raise UsageMistake(f"{file.name}: {error}") from error


def _realm(config: Config, name: str) -> RealmConfig:
    """The realm that the bundle names; if the configuration does not know it, any, whose verdict will say so."""
    return next((realm for realm in config.realms if realm.RealmName == name), config.realms[0])
