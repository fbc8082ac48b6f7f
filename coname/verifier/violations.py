"""What can be wrong with what a keyserver says, by the name of the rule that it breaks."""

from __future__ import annotations

from dataclasses import dataclass

from coname.core.types import Epoch

# What a third person can be shown: by what the keyserver signed.
TWO_HEADS = "two_heads"
BROKEN_CHAIN = "broken_chain"
SKIPPED_EPOCH = "skipped_epoch"
TIME_REVERSED = "time_reversed"
FUTURE_TIME = "future_time"
FOREIGN_REALM = "foreign_realm"
UNUSABLE_POLICY = "unusable_policy"
WRONG_ROOT = "wrong_root"
UNAUTHORISED_UPDATE = "unauthorised_update"
VERSION_DECREASED = "version_decreased"

# What rests on the verifier's word: the stream itself is not signed.
MISSING_TRANSCRIPT = "missing_transcript"
WRONG_TRANSCRIPT = "wrong_transcript"
UNRATIFIED_HEAD = "unratified_head"
REPEATED_EPOCH = "repeated_epoch"
MALFORMED_STEP = "malformed_step"
REWRITTEN_LOG = "rewritten_log"
"""The log does not have what it had: something else lies where a verified head was."""
EPOCH_TOO_LARGE = "epoch_too_large"
"""More updates without a head than this verifier holds in memory."""
UPDATE_TOO_LARGE = "update_too_large"
"""An update that asks for more work than this verifier does for one: it does not know whether it may be made."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule that was broken, and how, in a sentence."""

    rule: str
    account: str


@dataclass(frozen=True, slots=True)
class Violation:
    """Why a verifier signs nothing any more.

    :ivar epoch: the first that was not verified.
    :ivar noticed_at: by the verifier's clock, in seconds since 1970.
    """

    rule: str
    account: str
    epoch: Epoch
    noticed_at: float
