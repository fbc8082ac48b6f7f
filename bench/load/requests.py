"""The requests of a job, encoded before any clock starts, and the check of a sample of the answers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from multiprocessing import get_context

from google.protobuf.json_format import MessageToJson, Parse

from bench.load import http1
from bench.load.jobs import Job
from bench.people import Person, update_request
from coname.client.composing import lookup_request
from coname.config import load_client, load_replica
from coname.core.lookup import verify_lookup
from coname.messages.client_pb2 import LookupProof, LookupRequest, UpdateRequest
from coname.messages.config_pb2 import RealmConfig

_PROCESSES = 2
_CHUNK = 250


def realm_of(job: Job) -> RealmConfig:
    """What clients believe in."""
    return load_client(job.client_config).realms[0]


def encoded(job: Job) -> list[bytes]:
    """All requests of `job`, as its front takes them."""
    make = partial(_encoded_lookup, job.front, realm_of(job).SerializeToString())
    if job.kind != "lookup":
        secret = load_replica(job.replica_config).vrf_secret
        make = partial(_encoded_update, job.front, realm_of(job).SerializeToString(), secret)
    if job.kind == "lookup" or len(job.people) <= _CHUNK:
        return [make(each) for each in _versions(job)]
    with get_context("spawn").Pool(_PROCESSES) as pool:
        return pool.map(make, _versions(job), _CHUNK)


def _versions(job: Job) -> list[tuple[int, int]]:
    """Each person of `job` with the version of the entry to be made: one more each time that somebody's turn comes."""
    turns: Counter[int] = Counter()
    versions = []
    for number in job.people:
        versions.append((number, job.version + turns[number]))
        turns[number] += 1
    return versions


def _encoded_lookup(front: str, realm: bytes, asked: tuple[int, int]) -> bytes:
    number, _ = asked
    return _encoded(front, "/lookup", lookup_request(RealmConfig.FromString(realm), Person(number).user_id))


def _encoded_update(front: str, realm: bytes, secret: bytes, wanted: tuple[int, int]) -> bytes:
    number, version = wanted
    return _encoded(front, "/update", update_request(RealmConfig.FromString(realm), secret, number, version))


def _encoded(front: str, path: str, message: LookupRequest | UpdateRequest) -> bytes:
    if front == "grpc":
        return message.SerializeToString()
    text = MessageToJson(message, preserving_proto_field_name=True, indent=None)
    return http1.request(path, text.encode())


def verify(job: Job, bodies: Mapping[int, bytes]) -> int:
    """Check answers as a client does; gives how many there were.

    :raises coname.errors.ProofInvalid: one does not verify.
    :raises RuntimeError: one is right, but not what had to come.
    """
    realm = realm_of(job)
    counted = _versions(job)[job.warm_up :]
    for place, body in bodies.items():
        number, version = counted[place]
        person = Person(number)
        proof = LookupProof.FromString(body) if job.front == "grpc" else Parse(body, LookupProof())
        verified = verify_lookup(realm, person.user_id, proof, time.time())
        if verified.entry is None:
            raise RuntimeError(f"{person.user_id} is proved absent, but is registered")
        if job.kind != "lookup" and verified.entry.version != version:
            raise RuntimeError(f"{person.user_id} has version {verified.entry.version}, not {version}")
    return len(bodies)
