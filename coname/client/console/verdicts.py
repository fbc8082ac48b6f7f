"""A verdict, for people and for programs.

What ``coname judge --json`` prints, besides ``schema``, ``command`` and ``exit_status``; fields only ever get company:

- ``proven``: whether anybody is proven to have broken a rule;
- ``realm``: the realm that the bundle is about;
- ``findings``: one for each rule and those who broke it: ``rule``, its code; ``meaning``, the rule in words;
  ``signers``, each with ``id`` (a decimal number, as text) and ``name`` (or null); ``explanation``, what they did;
- ``reason``: why nothing is proven: ``damaged``, ``too_large``, ``other_realm`` or ``unproven``; null if something is;
- ``why``: the same in a sentence, or null;
- ``notes``: sentences on what could not be decided, and for lack of what;
- ``claim``: what the bundle says of itself, which is not checked: ``rule``, ``account``, ``witness``, and
  ``noticed_at`` (RFC 3339, or null).
"""

from __future__ import annotations

from typing import Any

from coname.client.console.documents import rfc3339
from coname.client.console.words import Words
from coname.client.signers import signer_name, signer_words
from coname.core.evidence import RULES, Finding, Verdict
from coname.core.text import quoted
from coname.messages.config_pb2 import RealmConfig

LONGEST_CLAIM = 200
"""Characters of each of a stranger's claims that are shown to people. A program gets all of them."""

_FOLLOWS = {
    "two_heads": "Different people may have been shown different keys for the same address.",
    "broken_chain": "Its history does not hang together: something may have been taken out, or put in.",
    "skipped_epoch": "Epochs are missing: what happened in them cannot be checked by anybody.",
    "time_reversed": "Its times are made up: old keys may have been shown as fresh.",
    "future_time": "Its times are made up: this epoch would look fresh for longer than it is.",
    "foreign_realm": "It mixes the histories of two realms: what is proved in one may be shown in the other.",
    "wrong_root": "The directory held something that nobody had put there by the rules: keys may have been swapped.",
    "unauthorised_update": "An entry was changed without its owner: its keys may be somebody else's.",
    "version_decreased": "An entry went back: keys that were withdrawn may be shown as good.",
    "two_transcripts": "Different people may have been shown different updates for the same epoch.",
    "wrong_transcript": "What it says of its updates cannot be relied on: something may be hidden by it.",
    "entry_vanished": "An entry was removed: its address may be shown as having no keys, or be taken by somebody else.",
}
"""What each breach means to somebody who relies on the directory."""

_THEN = (
    "Either they did so themselves, or somebody else has their keys. Do not rely on their signatures until it is "
    "explained. Anybody with the realm's configuration can check this bundle in the same way: keep it, and show it."
)

_ADVICE = {
    "damaged": "It proves nothing against anybody. Ask whoever sent it for another copy.",
    "too_large": "It was not looked at, and proves nothing against anybody.",
    "other_realm": "It proves nothing against the signers that this configuration names. Judge it with the "
    "configuration of the realm it is about.",
    "unproven": "That does not make its account wrong. But nothing in it shows it, so it rests on the word of its "
    "witness alone.",
}


def verdict_document(realm: RealmConfig, verdict: Verdict) -> dict[str, Any]:
    """The fields above."""
    claim = verdict.claim
    return {
        "proven": verdict.proven,
        "realm": claim.realm,
        "findings": [_finding_document(realm, each) for each in verdict.findings],
        "reason": verdict.reason or None,
        "why": verdict.why or None,
        "notes": list(verdict.notes),
        "claim": {
            "rule": claim.rule,
            "account": claim.account,
            "witness": claim.witness,
            "noticed_at": _moment(claim.noticed_at),
        },
    }


def _finding_document(realm: RealmConfig, finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "meaning": RULES[finding.rule],
        "signers": [{"id": str(signer), "name": signer_name(realm, signer)} for signer in finding.signers],
        "explanation": finding.explanation,
    }


def tell_verdict(words: Words, realm: RealmConfig, verdict: Verdict) -> None:
    """Say it."""
    if verdict.proven:
        words.line(f"proven: the rules of realm {realm.RealmName} were broken", "bold red")
        for finding in verdict.findings:
            _tell_finding(words, realm, finding)
        words.gap()
        words.line(_THEN)
    else:
        words.line(f"not proven ({verdict.reason.replace('_', ' ')}): {verdict.why}", "bold yellow")
        words.line(_ADVICE[verdict.reason])
    for note in verdict.notes:
        words.line(f"note: {note}", "dim")
    _tell_claim(words, verdict)


def _tell_finding(words: Words, realm: RealmConfig, finding: Finding) -> None:
    words.gap()
    for signer in finding.signers:
        words.line(signer_words(realm, signer), "bold")
    words.line(f"  {finding.explanation}")
    words.line(f"  the rule: {RULES[finding.rule]} ({finding.rule})")
    words.line(f"  what follows: {_FOLLOWS[finding.rule]}")


def _tell_claim(words: Words, verdict: Verdict) -> None:
    claim = verdict.claim
    when = _moment(claim.noticed_at)
    witness = f"{_claimed(claim.witness, 'nobody')}{f', at {when}' if when else ''}"
    said = f"{_claimed(claim.account, 'nothing')} ({_claimed(claim.rule, 'no rule')}; by {witness})"
    words.gap()
    words.line(f"what the bundle says of itself, unchecked: {said}", "dim")


def _claimed(text: str, nothing: str) -> str:
    """A stranger's words, which are not to pass for ours."""
    return quoted(text, LONGEST_CLAIM) if text else nothing


def _moment(seconds: float | None) -> str | None:
    try:
        return None if seconds is None else rfc3339(seconds)
    except (ValueError, OverflowError, OSError):
        return None
