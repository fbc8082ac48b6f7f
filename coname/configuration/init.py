"""A new realm on disk: its authority, and a folder for each replica, each verifier and the clients.

    DIR/ca/           the certificate authority; needed again only to admit verifiers and replicas: keep it elsewhere
    DIR/replicaN/     one for each replica; everything in it is that replica's own
    DIR/verifierN/    one for each verifier, to be handed to whoever runs it
    DIR/client/       what clients need; public

The folder is made whole or not at all, and nothing is overwritten (`coname.configuration.folder`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.json_format import MessageToDict

from coname.configuration import authority, blueprint, certificates, documents, folder
from coname.configuration.authority import Authority
from coname.configuration.blueprint import Blueprint
from coname.configuration.console_files import console_files
from coname.configuration.folder import NewFile
from coname.configuration.options import InitOptions, checked
from coname.core import vrf
from coname.core.signatures import SigningKey
from coname.oidc.paths import callback

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from google.protobuf.message import Message

    from coname.configuration.tls import Credential

__all__ = ["InitOptions", "Layout", "initialise"]

_AUTHORIZED_KEYS = b"""\
# Who may log in to this replica's console over SSH, and so do everything: one public key a line, as in
# ~/.ssh/authorized_keys. Nobody, until there is one.
"""


@dataclass(frozen=True)
class Layout:
    """What was made.

    :ivar options: as they were taken, in canonical form.
    :ivar replicas: the configuration file of each replica; :ivar verifiers: of each verifier; :ivar client: of clients.
    :ivar files: every file with its purpose, in the order of the folder; without contents.
    :ivar notes: what the operator must know, a sentence each.
    """

    folder: Path
    options: InitOptions
    replicas: tuple[Path, ...]
    verifiers: tuple[Path, ...]
    client: Path
    files: tuple[NewFile, ...]
    notes: tuple[str, ...]


def initialise(target: Path, options: InitOptions, now: datetime | None = None) -> Layout:
    """Make the realm that `options` ask for in the folder `target`.

    :param now: when its certificates begin to be valid; the present if None.
    :raises coname.errors.Misconfigured: the options are wrong, or there is something at `target`; nothing was made.
    """
    options = checked(options)
    folder.check_free(target)
    files = list(new_files(draw(options, now or certificates.utc_now()), now or certificates.utc_now()))
    private = frozenset(file.path.partition("/")[0] for file in files if file.secret)
    folder.write(target, files, private)
    return Layout(
        folder=target,
        options=options,
        replicas=tuple(target / f"replica{n}" / "config.json" for n in range(1, options.replicas + 1)),
        verifiers=tuple(target / f"verifier{n}" / "config.json" for n in range(1, options.verifiers + 1)),
        client=target / "client" / "config.json",
        files=tuple(NewFile(file.path, b"", file.purpose, file.secret) for file in files),
        notes=tuple(_notes(options)),
    )


def draw(options: InitOptions, now: datetime) -> Blueprint:
    """A blueprint with new keys."""
    return Blueprint(
        options=options,
        authority=Authority.create(options.realm, now),
        vrf_secret=vrf.suite(options.vrf_suite).generate(),
        replica_keys=[SigningKey.generate() for _ in range(options.replicas)],
        verifier_keys=[SigningKey.generate() for _ in range(options.verifiers)],
    )


def new_files(plan: Blueprint, now: datetime) -> Iterator[NewFile]:
    """All files of the realm, with new certificates issued `now`."""
    ca_pem = certificates.pem([plan.authority.certificate])
    yield NewFile("ca/ca.pem", ca_pem, "the certificate authority's certificate")
    ca_key = authority.key_pem(plan.authority.key)
    yield NewFile("ca/ca-key.pem", ca_key, "its key: whoever has it can pose as any replica or verifier", secret=True)
    for number, key in enumerate(plan.replica_keys):
        credential = plan.authority.issue(authority.replica_name(key.key_id), plan.options.names(), now)
        yield from _replica_files(plan, number, credential)
    for number, key in enumerate(plan.verifier_keys):
        credential = plan.authority.issue(authority.verifier_name(key.key_id), (), now)
        yield from _verifier_files(plan, number, credential)
    yield NewFile("client/config.json", _json(plan.client()), "what clients believe in; give it to everybody")
    yield NewFile("client/ca.pem", ca_pem, "the authority's certificate, for programs like curl and GnuPG")


def _replica_files(plan: Blueprint, number: int, credential: Credential) -> Iterator[NewFile]:
    place = f"replica{number + 1}"
    yield NewFile(f"{place}/config.json", _json(plan.replica(number, credential)), "the replica's configuration")
    signing = plan.replica_keys[number].secret
    yield NewFile(f"{place}/{blueprint.SIGNING_KEY_FILE}", signing, "signs epoch heads", secret=True)
    yield NewFile(f"{place}/{blueprint.VRF_FILE}", plan.vrf_secret, "gives users their indices", secret=True)
    yield _tls_key(place, credential)
    oidc = plan.options.oidc
    if oidc is not None and oidc.secret:
        secret = oidc.secret.encode() + b"\n"
        yield NewFile(f"{place}/{blueprint.OIDC_SECRET_FILE}", secret, "shown to the OpenID provider", secret=True)
    yield from console_files(_AUTHORIZED_KEYS, f"{place}/")


def _verifier_files(plan: Blueprint, number: int, credential: Credential) -> Iterator[NewFile]:
    place = f"verifier{number + 1}"
    yield NewFile(f"{place}/config.json", _json(plan.verifier(number, credential)), "the verifier's configuration")
    signing = plan.verifier_keys[number].secret
    yield NewFile(f"{place}/{blueprint.VERIFIER_KEY_FILE}", signing, "signs what it has verified", secret=True)
    yield _tls_key(place, credential)


def _tls_key(place: str, credential: Credential) -> NewFile:
    return NewFile(
        f"{place}/{blueprint.TLS_KEY_FILE}", authority.key_pem(credential.key), "its key for TLS", secret=True
    )


def _json(message: Message) -> bytes:
    """`message` as the original writes it: original names, in the order of the fields, for people to read."""
    return documents.to_json(MessageToDict(message, preserving_proto_field_name=True))


def _notes(options: InitOptions) -> Iterator[str]:
    if options.insecure_skip_email_proof:
        yield "Anybody can register any address that is still free (registration_policy): fine for trying it out only."
    elif options.oidc is not None:
        yield f"Whoever logs in at {options.oidc.issuer} can register the address that it has verified."
        back = dict.fromkeys(options.front_url(number) + callback("") for number in range(options.replicas))
        yield f"Register {' and '.join(back)} there as where logins of {options.oidc.client_id} may come back to."
    else:
        yield "Nobody can register an address yet: registration_policy in each replica's config.json is empty."
    if not options.verifiers:
        yield "There are no verifiers: clients rely on the replicas alone."
    else:
        yield "Clients ask for the signatures of a majority of the verifiers: until these run, lookups are refused."
    if options.replicas == 2:
        yield "Two replicas are less available than one: a majority of two is both. Three survive the loss of one."
    if options.vrf_suite == vrf.VRF_2017.name:
        yield (
            "The VRF suite of 2017 is broken: this provider could prove several entries for one address. Choose it "
            "only where the original's programs must read the realm."
        )
        yield (
            "So that the original's programs can read them, the configurations hold no manhole, domains or limits; add "
            "them where only this program runs."
        )
