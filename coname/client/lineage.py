"""Who ratifies a realm's epochs, as far as a client knows: the replicas' policy that its configuration pins, and those
that took its place since. Pure: no files, no network, no clock.

Rules:

1. The configuration is where trust begins. From there on a policy is replaced only by what the head of an epoch
   announces (`coname.core.rollover`), signed by everybody whom the client demanded until then: verifiers too, where its
   verification_policy has them.
2. Changes go forward: each is of a later epoch than the one before it. An older one, shown again, changes nothing.
3. An epoch is judged by the policy in force in it: those who announce a change in epoch N ratify N itself. That
   gives retired keys no say over what is new: no answer older than the newest change is taken for the latest
   (`coname.client.continuity`), and epoch N has one head, the one that is known.
4. All that is demanded besides the replicas' signatures is what the configuration says now: an operator may admit a
   verifier there without the client's memory being in the way.
5. A configuration may pin a newer policy than the one that was followed from. It is believed if it is one of those that
   were followed, or says that it is newer (`keyserver_auth_since`). Anything else contradicts what is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from coname.client import continuity
from coname.core import policies, ratifications, rollover
from coname.core.heads import Head, parse
from coname.core.types import Epoch
from coname.errors import ProofInvalid
from coname.messages.client_pb2 import AuthorizationPolicy, RatifiedHead, SignedEpochHead
from coname.messages.config_pb2 import RealmConfig

BEGINNING = Epoch(0)
"""Since when the first policy of a realm holds."""

MAX_KEPT = 1000
"""How many changes are remembered of a realm; the oldest are forgotten. One a week makes twenty years."""


@dataclass(frozen=True)
class Change:
    """A change that was followed.

    :ivar ratified: the head that announced it, with the signatures that counted: what shows it to somebody else.
    """

    ratified: RatifiedHead

    @cached_property
    def head(self) -> Head:
        """The head that announced it. :raises ProofInvalid: there is none."""
        if not self.ratified.ratifications:
            raise ProofInvalid(rollover.STEP, "a change of the replicas' policy without a head")
        return parse(self.ratified.ratifications[0].head)

    @cached_property
    def policy(self) -> AuthorizationPolicy:
        """Who ratifies the epochs after it. :raises ProofInvalid: the head does not say."""
        policy = rollover.next_policy(self.head)
        if policy is None:
            raise ProofInvalid(rollover.STEP, f"epoch {self.head.epoch} announces no other policy")
        return policy

    @property
    def epoch(self) -> Epoch:
        """The epoch whose head announced it."""
        return self.head.epoch


@dataclass(frozen=True)
class Lineage:
    """The replicas' policies of one realm, one after the other.

    :ivar pinned: the policy that the configuration had when following began.
    :ivar since: the epoch whose head announced that one; 0 if the realm began with it, or nobody says.
    :ivar changes: what took its place, oldest first.
    :ivar forgotten: how many changes there were between `pinned` and the first of `changes`.
    """

    pinned: AuthorizationPolicy
    since: Epoch = BEGINNING
    changes: tuple[Change, ...] = ()
    forgotten: int = 0

    @property
    def newest(self) -> Epoch:
        """The epoch whose head announced the policy that is in force now."""
        return self.changes[-1].epoch if self.changes else self.since

    @property
    def count(self) -> int:
        """How many changes were followed."""
        return self.forgotten + len(self.changes)

    def led_to(self, epoch: Epoch) -> tuple[Change, ...]:
        """The changes before `epoch`, after which its policy was in force."""
        return tuple(change for change in self.changes if change.epoch < epoch)

    def policy_of(self, epoch: Epoch) -> AuthorizationPolicy:
        """Who ratifies `epoch`.

        :raises ProofInvalid: it is from before what is remembered.
        """
        before = self.led_to(epoch)
        if not before and self.forgotten:
            raise ProofInvalid(
                rollover.STEP, f"who ratified epoch {epoch} is not remembered: too much has changed since"
            )
        return before[-1].policy if before else self.pinned

    def realm_of(self, realm: RealmConfig, epoch: Epoch) -> RealmConfig:
        """What an answer for `epoch` must satisfy.

        :param realm: as configured.
        :raises ProofInvalid: the policy of that epoch does not fit into the configuration's, or is not remembered.
        """
        before = self.led_to(epoch)
        return rollover.exchanged(realm, self.policy_of(epoch), before[-1].epoch if before else self.since)

    def realm_now(self, realm: RealmConfig) -> RealmConfig:
        """What answers for epochs after the newest change must satisfy."""
        return self.realm_of(realm, Epoch(self.newest + 1))

    def check_head(self, head: Head) -> None:
        """Check that `head` is the known one, if its epoch announced a change.

        :raises ProofInvalid: it is another one.
        """
        for change in self.changes:
            if change.epoch == head.epoch and change.head.epoch_head != head.epoch_head:
                raise ProofInvalid(
                    rollover.STEP,
                    f"epoch {head.epoch} has two heads: the one that announced the replicas' policy has the root "
                    f"{change.head.root_hash.hex()}, this one {head.root_hash.hex()}",
                )

    def describe(self, epoch: Epoch) -> str:
        """Which policy an answer for `epoch` was judged by: a sentence for a person."""
        led = self.led_to(epoch)
        if not led:
            since = f", which hold since epoch {self.since}" if self.since else ""
            return f"the replicas are those of the configuration{since}; no change is known"
        count = self.forgotten + len(led)
        changes = "1 change was" if count == 1 else f"{count} changes were"
        return f"the replicas are those that epoch {led[-1].epoch} announced: {changes} followed by signatures"

    def check_begun(self, latest: Epoch) -> None:
        """Check that the configuration's policy was announced by the epoch `latest`, the newest that anybody knows.

        :raises ProofInvalid: it is not to be yet.
        """
        if latest < self.since:
            raise ProofInvalid(
                rollover.STEP,
                f"the replicas in the configuration sign after epoch {self.since} (keyserver_auth_since), and the "
                f"newest epoch that is answered for is {latest}: one of the two is wrong",
            )

    def knows(self, policy: AuthorizationPolicy) -> bool:
        """Whether `policy` is the pinned one, or one that was followed."""
        return policy == self.pinned or any(policy == change.policy for change in self.changes)

    def follow(self, realm: RealmConfig, ratified: Sequence[SignedEpochHead]) -> Lineage:
        """This, and the change that a ratified head announces; itself, if that is no newer than what is known.

        :param realm: as configured.
        :param ratified: one epoch's head, as everybody has signed it.
        :raises ProofInvalid: it is not signed by whom the client demands, or announces nothing that can be followed.
        """
        head = ratifications.common_head(realm.RealmName, ratified)
        if head.epoch <= self.newest:
            self.check_head(head)
            return self
        demanded = self.realm_now(realm)
        rollover.follow(demanded, ratified)
        counted = ratifications.only_good(ratified, partial(policies.signed_by, demanded.verification_policy))
        change = Change(RatifiedHead(ratifications=counted))
        rollover.exchanged(realm, change.policy, change.epoch)
        kept = (*self.changes, change)[-MAX_KEPT:]
        return replace(self, changes=kept, forgotten=self.count + 1 - len(kept))


def lead_on(
    lineage: Lineage, realm: RealmConfig, changes: Iterable[RatifiedHead], newest: Head | None = None
) -> Iterator[Lineage]:
    """`lineage` after each of `changes`, which are followed oldest first.

    :param newest: the newest head that is known; one that announces a change must fit to it.
    :raises ProofInvalid: the next one is not to be followed.
    """
    for change in changes:
        longer = lineage.follow(realm, change.ratifications)
        if longer is not lineage:
            head = longer.changes[-1].head
            continuity.follow(newest, head, BEGINNING, asked=head.epoch)
        lineage = longer
        yield lineage


def begin(realm: RealmConfig) -> Lineage:
    """What is known of a realm that was never asked: its configuration."""
    return Lineage(realm.keyserver_auth, Epoch(realm.keyserver_auth_since))


def configured(known: Lineage | None, realm: RealmConfig) -> Lineage:
    """What is known of a realm, `known` being what was remembered of it, and `realm` its configuration now (rule 5).

    Whether the two fit together is another question: `Lineage.knows` answers it.
    """
    if known is None or realm.keyserver_auth_since > known.newest:
        return begin(realm)
    if not known.changes and not known.knows(realm.keyserver_auth):
        return begin(realm)  # nothing was followed yet: only the configuration has changed
    return known
