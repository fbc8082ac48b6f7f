"""A DKIM checker at a fixed time, with what the DNS says in a dict."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import ConameError, Unavailable
from coname.messages.client_pb2 import EmailProof
from coname.registration.dkim import DkimChecker
from coname.registration.proof import Presented, Proved
from tests.registration import dkim_mails as mails


class DkimCase(SynchronousTestCase):
    """
    :ivar records: what the DNS has, by name. :ivar silent: the names about which it says nothing.
    :ivar asked: the names that it was asked for.
    """

    def setUp(self) -> None:
        self.records = {mails.KEY_NAME: [mails.record(mails.rsa_key())]}
        self.silent: set[str] = set()
        self.asked: list[str] = []
        self.checker = DkimChecker([mails.DOMAIN], mails.TO, mails.PREFIX, self.look_up)

    async def look_up(self, name: str) -> list[bytes]:
        self.asked.append(name)
        if name in self.silent:
            raise Unavailable(f"the DNS did not answer what {name} is; try again later")
        return self.records.get(name, [])

    def prove(
        self, data: bytes, user_id: str = mails.ADDRESS, entry: bytes = mails.ENTRY, now: float = mails.NOW
    ) -> Proved:
        """What the mail `data` proves."""
        presented = Presented(EmailProof(dkim_proof=data))
        self.assertTrue(self.checker.takes(presented))
        return self.successResultOf(Deferred.fromCoroutine(self.checker.check(presented, user_id, entry, now)))

    def refuse(
        self,
        data: bytes,
        reason: str,
        code: str = "registration_refused",
        user_id: str = mails.ADDRESS,
        entry: bytes = mails.ENTRY,
        now: float = mails.NOW,
    ) -> None:
        """The mail `data` proves nothing, for that `reason`, which is part of a sentence."""
        check = self.checker.check(Presented(EmailProof(dkim_proof=data)), user_id, entry, now)
        error = self.failureResultOf(Deferred.fromCoroutine(check), ConameError).value
        self.assertIn(reason, str(error))
        self.assertEqual(error.code, code)
