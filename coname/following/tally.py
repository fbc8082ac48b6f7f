"""A verifier's numbers, as its operator's monitoring wants them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Numbers that the reactor's thread alone changes, and that anybody reads.

    :ivar verified_epoch: the newest verified epoch; 0 before the first. :ivar issued: when it was issued (since 1970).
    :ivar behind: steps that the keyserver is known to have, and that are not verified.
    :ivar steps: steps verified since the start. :ivar signed: signatures that the keyserver has taken since the start.
    :ivar push_failures: pushes that failed since the start, for good or not.
    :ivar violations: found since the start, by rule.
    :ivar evidence_waiting: bundles that could not be written yet.
    :ivar policy_since: the epoch whose head announced who ratifies now; 0: the configuration did.
    :ivar connected: whether there is a stream. :ivar signing: False once there was a violation.
    """

    verified_epoch: int = 0
    issued: float = 0.0
    behind: int = 0
    steps: int = 0
    signed: int = 0
    push_failures: int = 0
    violations: Counter[str] = field(default_factory=Counter)
    evidence_waiting: int = 0
    policy_since: int = 0
    connected: bool = False
    signing: bool = True
