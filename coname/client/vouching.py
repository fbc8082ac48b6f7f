"""Who vouches for an answer, since when, and what is to be said before it is too old to be accepted.

A realm's policy may ask for the provider's replicas, for verifiers, or for a mixture of both. All of them sign the same
epoch head, each with its own time. An answer is refused when its epoch is older than the realm's epoch_time_to_live;
what announces that earlier is said here:

* the epoch has used up more than half of its time;
* a signature is much older than the newest one, or older than the epoch itself: its signer's clock is wrong, or the
  others are slow;
* a signature is of the future, by this machine's clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from coname.client.results import Result
from coname.client.signers import signer_name, signer_words
from coname.core import quorums, times

HALF_LIFE = 0.5
"""The part of epoch_time_to_live after which an epoch's age is worth a warning."""

APART = 0.25
"""The part of epoch_time_to_live by which signatures on one epoch may be apart without a warning."""

CLOCKS = 60.0
"""How many seconds apart clocks may be, whatever the realm's times are."""


@dataclass(frozen=True, slots=True)
class Voucher:
    """One whose signature the realm's policy mentions.

    :ivar name: what the realm's configuration calls it, if anything.
    :ivar signed_at: when it says that it signed the epoch, in seconds since 1970; None if it has not, as far as this
        answer shows.
    """

    signer: int
    name: str | None
    signed_at: float | None


def vouchers(result: Result) -> list[Voucher]:
    """Everybody whom the realm's policy mentions: those who have signed first, in order of time."""
    signed = result.verified.signers
    mentioned = quorums.signers(result.realm.verification_policy.quorum)
    found = [Voucher(signer, signer_name(result.realm, signer), signed.get(signer)) for signer in sorted(mentioned)]
    return sorted(found, key=lambda each: (each.signed_at is None, each.signed_at or 0.0))


def time_to_live(result: Result) -> float:
    """How long the realm's epochs are accepted, in seconds."""
    return times.to_seconds(result.realm.epoch_time_to_live)


def staleness(result: Result) -> list[str]:
    """Warnings, in sentences."""
    return [*_old_epoch(result), *_odd_signatures(result)]


def _old_epoch(result: Result) -> Iterator[str]:
    age, allowed = result.checked_at - result.verified.head.issue_time, time_to_live(result)
    if age > HALF_LIFE * allowed:
        yield (
            f"epoch {result.epoch} was closed {span(age)} ago, and is refused after {span(allowed)}: no newer one has "
            "the signatures that the realm's policy asks for, or none is made"
        )


def _odd_signatures(result: Result) -> Iterator[str]:
    signers = result.verified.signers
    newest = max(signers.values(), default=0.0)
    apart = max(CLOCKS, APART * time_to_live(result))
    for signer, signed_at in sorted(signers.items()):
        who, ahead = signer_words(result.realm, signer), signed_at - result.checked_at
        if ahead > CLOCKS:
            yield f"{who} says that it signed {span(ahead)} from now: its clock or the one here is wrong"
        elif result.verified.head.issue_time - signed_at > CLOCKS:
            early = span(result.verified.head.issue_time - signed_at)
            yield f"{who} says that it signed {early} before the epoch was closed: its clock is wrong"
        elif newest - signed_at > apart:
            yield f"the signature of {who} is {span(newest - signed_at)} older than the newest one"


def span(seconds: float) -> str:
    """A length of time, as people say it: its two largest units."""
    whole = max(0, round(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])
