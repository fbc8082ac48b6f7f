"""Changes of the set of replicas, on their way into the log, and what became of them.

What is proposed here is proposed again while it is waited for. A change that was applied twice had its effect once.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail

from coname.errors import ConameError, InvalidRequest, Refused
from coname.keyserver import membership
from coname.keyserver.effects import ChangeApplied, ChangeRefused, Effect
from coname.keyserver.proposals import Proposer, new_uid
from coname.keyserver.timeouts import TimeLimit
from coname.keyserver.verifiers import Verifiers
from coname.keyserver.waiting import StepWaiters
from coname.messages.replication_pb2 import KeyserverStep, ReplicaChange


class OwnSteps:
    """Proposes changes, and tells what became of them.

    :param time_limit: put on each.
    :param verifiers: who must not become a replica. The state machine cannot ask them: their list may be longer on a
        replica that was started later than another.
    """

    def __init__(self, proposer: Proposer, time_limit: TimeLimit, verifiers: Verifiers) -> None:
        self._proposer = proposer
        self._verifiers = verifiers
        self._time_limit = time_limit
        self._waiting: StepWaiters[None] = StepWaiters()

    def change(self, change: ReplicaChange) -> Deferred[None]:
        """Fires once what `change` asks for is so, durably here; that a replica enters or leaves takes two epochs more.

        Fails with `Refused` or `InvalidRequest` for the reason that the state machine has, or because it is a verifier
        that is to be added; with `TimedOut`, `Unavailable`.
        """
        if change.WhichOneof("change") == "add":
            try:
                membership.check_replica(change.add)
                self._verifiers.check_replica(membership.keys_of(change.add))
            except (InvalidRequest, Refused) as error:
                return fail(error)
        step = KeyserverStep(UID=new_uid(), replica_change=change)
        applied = self._proposer.until(step, self._waiting.wait(step.UID))
        return self._time_limit.watch(Deferred.fromCoroutine(applied))

    def perform(self, effect: Effect) -> None:
        """Tell whoever waits for it, if it is an effect of a change."""
        if isinstance(effect, ChangeApplied):
            self._waiting.applied(effect.uid, None)
        elif isinstance(effect, ChangeRefused):
            self._waiting.rejected(effect.uid, effect.error)

    def fail_all(self, error: ConameError) -> None:
        """Nothing will be applied any more."""
        self._waiting.fail_all(error)
