"""Answers that are kept until something could change them, grouped by what was asked for besides the user id.

A group is one epoch's signatures for one quorum, and the answers that were given with them. A signature changes a group
only if the group's quorum mentions the signer, and then only if it is on the group's epoch or on a newer one. So
hundreds of verifiers that sign at their own pace do not make everybody's answers be computed anew.

What asks for no quorum is given all signatures there are; that group is renewed when a tenth more have come, or with
the next epoch, since nothing was asked for.
"""

from __future__ import annotations

from collections.abc import Collection

from coname.core.types import Epoch, KeyId
from coname.keyserver.answers import Answer, Ratifications

Asked = tuple[int, bytes | None]
"""The epoch that was asked for, 0 for the latest, and the encoded quorum; None if there was none."""

MOST_GROUPS = 1024

_ANSWER_BYTES = 4096  # what a kept answer takes besides its profile: a proof of 20 levels and an entry, twice encoded


class Group:
    """Answers with the same ratifications.

    :ivar wanted: whose signatures the quorum mentions; None: no quorum.
    :ivar answers: by user id.
    """

    __slots__ = ("answers", "bytes", "more", "ratifications", "wanted")

    def __init__(self, ratifications: Ratifications, wanted: Collection[int] | None) -> None:
        self.ratifications = ratifications
        self.wanted = wanted
        self.answers: dict[str, Answer] = {}
        self.bytes = 0
        self.more = 0  # signatures that came since; counted where there is no quorum

    def outdated(self, asked: int, epoch: Epoch, signers: Collection[KeyId]) -> bool:
        """Whether another answer could be due, now that `signers` have signed `epoch`, which is not a new one."""
        if epoch < self.ratifications.epoch or (asked and epoch != asked):
            return False
        if self.wanted is None:
            self.more += len(signers)
            return self.more * 10 >= len(self.ratifications.heads)
        return any(signer in self.wanted for signer in signers)


class KeptAnswers:
    """All groups.

    :param most_bytes: how much memory the answers may take.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._groups: dict[Asked, Group] = {}

    def get(self, asked: Asked) -> Group | None:
        """The group that answers `asked`, if there is one."""
        return self._groups.get(asked)

    def open(self, asked: Asked, ratifications: Ratifications, wanted: Collection[int] | None) -> Group:
        """A new group for `asked`."""
        if len(self._groups) >= MOST_GROUPS:
            self.clear()
        group = self._groups[asked] = Group(ratifications, wanted)
        return group

    def keep(self, asked: Asked, group: Group, answer: Answer) -> None:
        """Keep an answer of `group`."""
        # the profile is kept as it is, in protobuf, and in base64
        size = _ANSWER_BYTES + 4 * len(answer.profile or b"") + len(asked[1] or b"")
        if self._bytes + size > self._most_bytes:
            self.clear()
            self._groups[asked] = group
        group.answers[answer.user_id] = answer
        group.bytes += size
        self._bytes += size

    def signed(self, epoch: Epoch, signers: Collection[KeyId], newest: bool) -> None:
        """Forget what may be outdated.

        :param newest: whether there is a newer epoch than before.
        """
        gone = [
            asked
            for asked, group in self._groups.items()
            if (newest and not asked[0]) or group.outdated(asked[0], epoch, signers)
        ]
        for asked in gone:
            self._bytes -= self._groups.pop(asked).bytes

    def clear(self) -> None:
        """Forget all."""
        for group in self._groups.values():
            group.answers.clear()
            group.bytes = 0
        self._groups.clear()
        self._bytes = 0
