"""Whether a verifier begins for the first time, or has lost its database, and with it what it has signed.

Nothing in the folder says that for sure: the database is the only thing that changes. So an old key with an empty
database is only warned about.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coname.configuration.settings import VerifierSettings

OLD = timedelta(days=1)
"""A verifier is older than this if its key, or its certificate, is. It was probably started by then."""

ADVICE = (
    "The database is empty, and this verifier's keys are of {made:%Y-%m-%d}. If this is its first start, all is well. "
    "If it ever ran before, stop it now, and make a new verifier with new keys (coname verifier enroll): it no longer "
    "knows what it has signed, and if the keyserver tells another history than it did then, this key would sign that, "
    "too. Anybody could then prove it a liar."
)


def warning(settings: VerifierSettings, now: datetime) -> str:
    """What to say of a verifier whose database is empty; nothing if it is new."""
    made = _made(settings, now)
    return ADVICE.format(made=made) if made < now - OLD else ""


def _made(settings: VerifierSettings, now: datetime) -> datetime:
    """When its key was made, or its first certificate issued: the earlier of what is still known of them."""
    times = [each.chain[0].not_valid_before_utc for each in settings.tls.credentials]
    with suppress(OSError):  # it was there a moment ago
        key = settings.path.parent / settings.message.signing_key_id
        times.append(datetime.fromtimestamp(key.stat().st_mtime, UTC))
    return min([now, *times])
