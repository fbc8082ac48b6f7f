"""What every proof that an address is yours comes to, whichever way the organisation has.

What is proved is a sentence: "whoever logged in as *address* registers *this entry*". A proof that names no entry says
only "somebody logged in as *address*": whoever gets hold of it registers any key. The original's are of that kind; they
are taken only where the configuration says so (`coname.registration.registrar`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field

from zope.interface import Attribute, Interface

from coname.core.hashes import shake
from coname.messages.client_pb2 import EmailProof
from coname.messages.replication_pb2 import ProofRecord

ID_SIZE = 32
"""Bytes of a proof's id."""

CLOCK_SKEW = 60.0
"""Seconds that the clock of whoever issued a proof may differ from ours, if the configuration names no others. Clocks
that are set over the network agree within one; this forgives a virtual machine that has been moved."""

MOST_CLOCK_SKEW = 600.0
"""The most that may be configured, in seconds: an expired proof is good for so long."""

LONGEST_VALIDITY = 24 * 3600.0
"""Seconds for which a proof may be good at the most, whatever it says itself: its record is kept for so long."""

LONGEST_FACT = 256
"""Characters of an issuer's or a subject's name that are kept in the log."""


@dataclass(frozen=True, slots=True)
class Presented:
    """What somebody brings to prove that an address is theirs.

    :ivar email_proof: from the request; empty if there is none.
    :ivar certificate: the client's certificate, DER, that the connection of the request was made with, and whose key
        its handshake has proved; empty if there is none.
    """

    email_proof: EmailProof = field(repr=False)
    certificate: bytes = b""

    @property
    def empty(self) -> bool:
        """There is nothing."""
        return not self.certificate and self.email_proof.WhichOneof("proof_type") is None


@dataclass(frozen=True, slots=True)
class Proved:
    """What a proof says, after everything about it has been checked.

    :ivar address: whose it is, in canonical form.
    :ivar kind: which way: ``oidc``.
    :ivar issuer: who says so, and `subject`: of whom, in the issuer's words. They are logged and kept; nothing of the
        proof itself is in them.
    :ivar expires: the first moment, in seconds since 1970 by our clock, at which it is refused, clock skew included.
    :ivar replay_id: from `replay_id`.
    :ivar bound: whether it names the entry that it is to register.
    """

    address: str
    kind: str
    issuer: str
    subject: str
    expires: float
    replay_id: bytes
    bound: bool


class IProofChecker(Interface):
    """Checks one kind of proofs, as one policy of the configuration has them."""

    kind: str = Attribute("Its name: what `Proved.kind` says, and the front's list of ways.")
    domains: Sequence[str] = Attribute("Whose addresses it may prove: domains or ``*.`` and a domain, canonical.")

    def offer(domain: str) -> Sequence[Mapping[str, str]]:
        """What people of `domain`, canonical and among `domains`, need to know to bring such a proof, besides `kind`:
        the addresses to log in at, or to write to. The front shows it to everybody."""

    def takes(presented: Presented) -> bool:
        """Whether `presented` holds a proof of this kind. Looks no closer."""

    def check(presented: Presented, user_id: str, entry: bytes, now: float) -> Awaitable[Proved]:
        """What the proof says. It waits for nobody longer than some seconds.

        :param user_id: the address that is to be registered, canonical: a proof for another one may be refused here.
        :param entry: the encoded entry; a proof is bound to it by its hash.
        :param now: seconds since 1970.
        :raises coname.errors.RegistrationRefused: it proves nothing; `RegistrationExpired`: it did once.
        :raises coname.errors.Unavailable: whoever has to be asked about it does not answer.
        """

    def stop() -> None:
        """Let go of timers and connections. Calling it again does nothing."""


def replay_id(kind: str, issuer: str, signed: bytes) -> bytes:
    """The id under which a proof is remembered once it was used.

    :param signed: the bytes that the proof's signature covers, and nothing else: the rest could be changed by whoever
        presents it again.
    """
    parts = (b"coname registration proof", kind.encode(), issuer.encode(), signed)
    return shake(b"".join(len(part).to_bytes(8, "big") + part for part in parts), ID_SIZE)


def record_of(proved: Proved, skew: float) -> ProofRecord:
    """What the replicas remember of a proof.

    :param skew: replicas' clocks differ too: the record outlives the proof by so many seconds.
    """
    return ProofRecord(
        id=proved.replay_id,
        expires=int(proved.expires + skew) + 1,
        kind=proved.kind,
        issuer=_fact(proved.issuer),
        subject=_fact(proved.subject),
        bound=proved.bound,
    )


def _fact(text: str) -> str:
    """A stranger's words, as long as they may be; what is no Unicode in them shows as ``?``."""
    return text[:LONGEST_FACT].encode("utf-8", "replace").decode()
