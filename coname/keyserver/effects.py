"""What is owed to the world once a log entry's writes are durable. The state machine returns these and does none."""

from __future__ import annotations

from dataclasses import dataclass

from coname.core.types import Epoch, KeyId
from coname.errors import ConameError


@dataclass(frozen=True, slots=True)
class UpdateApplied:
    """The update proposed under `uid` is in the tree from `epoch` on."""

    uid: int
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class UpdateRejected:
    """The update proposed under `uid` broke a rule when its turn came."""

    uid: int
    error: ConameError


@dataclass(frozen=True, slots=True)
class EpochClosed:
    """The tree of `epoch` is fixed: the replicas shall sign its head."""

    epoch: Epoch


@dataclass(frozen=True, slots=True)
class HeadSigned:
    """A ratified epoch has more signatures than before, or has just been ratified.

    :ivar signers: whose signatures came to light by it.
    """

    epoch: Epoch
    signers: tuple[KeyId, ...]


@dataclass(frozen=True, slots=True)
class ChangeApplied:
    """What the replica change proposed under `uid` asks for is so."""

    uid: int


@dataclass(frozen=True, slots=True)
class ChangeRefused:
    """The replica change proposed under `uid` has no effect, and why."""

    uid: int
    error: ConameError


@dataclass(frozen=True, slots=True)
class Reached:
    """Everything before the empty step that was proposed under `uid` has been applied."""

    uid: int


Effect = UpdateApplied | UpdateRejected | EpochClosed | HeadSigned | ChangeApplied | ChangeRefused | Reached
