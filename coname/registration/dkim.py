"""DKIM as a proof: a mail that the address's own mail server has signed (protocol section 11).

Whoever registers sends a mail whose subject ends in the hash of the new entry, and brings it as it was received. The
signature says that the domain's server took it from somebody who may send as that address. Read are From, To, Subject
and Date, and nothing else: `dkim_mail` says how, `dkim_signatures` what has to be signed, `dkim_keys` by which keys.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime

from twisted.internet.defer import Deferred, gatherResults
from zope.interface import implementer

from coname.core.addresses import MAX_DOMAIN
from coname.core.hashes import entry_hash
from coname.errors import ConameError, RegistrationExpired, RegistrationRefused, Unavailable
from coname.registration import dkim_addresses, dkim_canonical, dkim_keys, dkim_mail, dkim_signatures
from coname.registration.dkim_canonical import BodyHashes
from coname.registration.dkim_dns import LookUpText
from coname.registration.dkim_mail import Field, Mail
from coname.registration.dkim_signatures import Signature
from coname.registration.proof import CLOCK_SKEW, IProofChecker, Presented, Proved, replay_id

KIND = "dkim"

VALIDITY = 24 * 3600.0
"""Seconds for which a mail proves something after it was signed: mail can take hours."""

LONGEST_DATE = 100
"""Characters of a Date field."""

SIGNATURES = 16
"""The most DKIM signatures in a mail; its server's, those of relays, and nobody else's are expected."""

CANDIDATES = 4
"""The most of them by the From address's domain: each is a question to the DNS. Two are usual, of RSA and Ed25519."""


def subject(prefix: str, entry: bytes) -> str:
    """What the subject of the mail has to be.

    :param entry: the encoded entry that is to be registered.
    """
    return prefix + base64.b64encode(entry_hash(entry)).decode("ascii")


@implementer(IProofChecker)
class DkimChecker:
    """Checks mails.

    :param domains: whose addresses it may prove; each domain's own server must have signed.
    :param to_addr: besides the sender's own address, the one that the mail may be sent to; canonical, or empty.
    :param prefix: what the subject begins with.
    :param skew: seconds that mail servers' clocks may differ from ours.
    """

    kind = KIND

    def __init__(
        self, domains: Sequence[str], to_addr: str, prefix: str, look_up: LookUpText, skew: float = CLOCK_SKEW
    ) -> None:
        self.domains = domains
        self._to_addr = to_addr
        self._prefix = prefix
        self._look_up = look_up
        self._skew = skew

    def offer(self, domain: str) -> Sequence[Mapping[str, str]]:
        """See `IProofChecker`: where the mail may be sent to, and what its subject begins with."""
        return [{"to_addr": self._to_addr, "subject_prefix": self._prefix}]

    def takes(self, presented: Presented) -> bool:
        """See `IProofChecker`."""
        return bool(presented.email_proof.WhichOneof("proof_type") == "dkim_proof")

    async def check(self, presented: Presented, user_id: str, entry: bytes, now: float) -> Proved:
        """See `IProofChecker`."""
        mail = dkim_mail.parse(presented.email_proof.dkim_proof)
        self._check_content(mail, user_id, entry)
        domain = user_id.rpartition("@")[2]
        date = _date(mail)
        hashes = BodyHashes(mail)
        checked = gatherResults([self._expiry(mail, hashes, field, date, now) for field in _candidates(mail, domain)])
        expires, selector = _best(await checked)
        return Proved(
            address=user_id,
            kind=KIND,
            issuer=domain,
            subject=f"mail from {user_id}, key {selector}",
            expires=expires,
            replay_id=replay_id(KIND, domain, dkim_canonical.relaxed_fields(mail, dkim_signatures.SIGNED)),
            bound=True,
        )

    def stop(self) -> None:
        """See `IProofChecker`. There is nothing that outlives a check."""

    def _check_content(self, mail: Mail, user_id: str, entry: bytes) -> None:
        """From, To and Subject."""
        senders = dkim_addresses.read("From", mail.only(b"from").unfolded)
        if senders != [user_id]:
            raise RegistrationRefused(f"the mail is from {', '.join(senders)}, not from {user_id} alone")
        allowed = {user_id, self._to_addr} - {""}
        for address in dkim_addresses.read("To", mail.only(b"to").unfolded):
            if address not in allowed:
                raise RegistrationRefused(
                    f"the mail is to {address}; to {' or '.join(sorted(allowed))} is expected, and nobody else"
                )
        found, wanted = mail.only(b"subject").unfolded, subject(self._prefix, entry)
        if found != wanted:
            raise RegistrationRefused(f"the mail's subject is {found[:200]!r}; for this entry it has to be {wanted!r}")

    def _expiry(
        self, mail: Mail, hashes: BodyHashes, field: Field, date: float, now: float
    ) -> Deferred[tuple[float, str] | ConameError]:
        """Until when the signature in `field` proves something, and by which key; or why it does not."""

        async def expiry() -> tuple[float, str] | ConameError:
            try:
                signature = dkim_signatures.read(field)
                expires = self._check_times(signature, date, now)
                await self._check_signature(mail, hashes, signature)
            except (RegistrationRefused, Unavailable) as error:
                return error
            return expires, signature.selector

        return Deferred.fromCoroutine(expiry())

    def _check_times(self, signature: Signature, date: float, now: float) -> float:
        """The first moment at which the signature is refused."""
        signed_at = date if signature.signed_at is None else signature.signed_at
        if signed_at > now + self._skew:
            raise RegistrationRefused(f"the mail was signed {signed_at - now:.0f} s in the future, by this clock")
        expires = signed_at + VALIDITY
        if signature.expires_at is not None:
            if signature.expires_at < signed_at:
                raise RegistrationRefused("the signature expires before it was made")
            expires = min(expires, signature.expires_at)
        if now >= expires + self._skew:
            raise RegistrationExpired(
                f"the mail's signature proves nothing since {now - expires:.0f} s: send and bring a new one"
            )
        return expires + self._skew

    async def _check_signature(self, mail: Mail, hashes: BodyHashes, signature: Signature) -> None:
        if len(signature.key_name) > MAX_DOMAIN:
            raise RegistrationRefused("the signature's s= and d= are too long for a name in the DNS")
        records = await self._look_up(signature.key_name)
        if len(records) != 1:
            raise RegistrationRefused(f"{signature.key_name} has {len(records)} key records, not exactly one")
        key = dkim_keys.parse(records[0])
        if key.algorithm != signature.algorithm:
            raise RegistrationRefused(f"the signature is of {signature.algorithm}, and its key is for {key.algorithm}")
        if hashes(signature.relaxed_body) != signature.body_hash:
            raise RegistrationRefused("the mail's body is not the one that was signed; bring it exactly as received")
        if not key.verify(dkim_canonical.signed_bytes(mail, signature), signature.signature):
            raise RegistrationRefused(f"the signature of {signature.domain} does not verify over the mail's header")


def _candidates(mail: Mail, domain: str) -> list[Field]:
    """The signatures that say to be by `domain`."""
    fields = mail.all(b"dkim-signature")
    if len(fields) > SIGNATURES:
        raise RegistrationRefused(f"the mail has {len(fields)} DKIM signatures; at most {SIGNATURES} are looked at")
    found = [field for field in fields if dkim_signatures.domain_of(field) == domain]
    if not found:
        raise RegistrationRefused(f"the mail has no DKIM signature by {domain}, the domain that it is from")
    if len(found) > CANDIDATES:
        raise RegistrationRefused(f"the mail has {len(found)} signatures by {domain}; at most {CANDIDATES} are checked")
    return found


def _date(mail: Mail) -> float:
    """The Date field, in seconds since 1970."""
    text = mail.only(b"date").unfolded
    try:
        if len(text) > LONGEST_DATE:
            raise ValueError
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError) as error:
        raise RegistrationRefused(f"the mail's Date is not one: {text[:60]!r}") from error


def _best(found: Sequence[tuple[float, str] | ConameError]) -> tuple[float, str]:
    """The first signature that proves something; otherwise why none does: first what may come right by itself."""
    errors: list[ConameError] = []
    for each in found:
        if not isinstance(each, ConameError):
            return each
        errors.append(each)
    for kind in (Unavailable, RegistrationExpired):
        errors = [error for error in errors if isinstance(error, kind)] or errors
    raise errors[0]
