"""What a verifier tells its operator about violations, in plain words: what, where, and what to do next."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from twisted.logger import Logger

if TYPE_CHECKING:
    from coname.following.evidence_files import News
    from coname.verifier.violations import Violation

_log = Logger()


def violation(found: Violation, config: object) -> None:
    """Nothing is signed from now on, or since before the start."""
    _log.critical(
        "This verifier signs nothing any more: at {noticed}, in epoch {epoch}, the keyserver broke the rule {rule}: "
        "{account}. It goes on watching, and keeps evidence. When it is known why, and only then, stop this verifier "
        "and let it sign again: coname verifier resume --config {config}",
        noticed=f"{datetime.fromtimestamp(found.noticed_at, UTC):%Y-%m-%d %H:%M:%S} UTC",
        epoch=found.epoch,
        rule=found.rule,
        account=found.account,
        config=config,
    )


def evidence(news: News) -> None:
    """A bundle is on the disk."""
    _log.critical(
        "VIOLATION of the rule {rule}{where}: {account}. The evidence is in {path}. Copy that file to a safe place; "
        "see what it proves (coname judge {path}); ask the provider; and tell others who rely on this realm.",
        rule=news.rule,
        where=_where(news),
        account=news.account,
        path=news.path,
    )


def evidence_not_written(news: News, seconds: float) -> None:
    """A bundle cannot be written."""
    _log.critical(
        "VIOLATION of the rule {rule}{where}: {account}. The evidence is in the database, but could not be written to "
        "a file: {reason}. It is tried again in {seconds:.0f} s",
        rule=news.rule,
        where=_where(news),
        account=news.account,
        reason=news.reason,
        seconds=seconds,
    )


def _where(news: News) -> str:
    return "" if news.epoch is None else f" in epoch {news.epoch}"
