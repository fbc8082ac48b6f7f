"""Keys from a real DNS server, and mails from a second implementation of DKIM."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.protocol import DatagramProtocol
from twisted.names import dns
from twisted.names.error import ResolverError
from twisted.trial.unittest import SynchronousTestCase, TestCase

from coname.errors import Overloaded, RegistrationRefused, Unavailable
from coname.messages.client_pb2 import EmailProof
from coname.registration.dkim import DkimChecker
from coname.registration.dkim_dns import AT_ONCE, TextRecords, system_servers
from coname.registration.proof import Presented, Proved
from tests.needs import needs_perl
from tests.registration import dkim_mails as mails
from tests.registration.dns import DnsServer

SIGN = r"""
use Mail::DKIM::Signer;
my ($method, $key) = @ARGV;
my $signer = Mail::DKIM::Signer->new(Algorithm => "rsa-sha256", Method => $method, Domain => "example.com",
    Selector => "mail", KeyFile => $key);
local $/; my $mail = <STDIN>; $signer->PRINT($mail); $signer->CLOSE;
print $signer->signature->as_string, "\r\n", $mail;
"""
"""Signs as amavis and others do."""


class DnsCase(TestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        self.dns = DnsServer(reactor)
        self.addCleanup(self.dns.stop)
        self.look_up = TextRecords(reactor, lambda: [self.dns.address])


class TextRecordsTests(DnsCase):
    async def test_record_in_pieces(self) -> None:
        self.dns.texts = {"a.example": [[b"v=DKIM1; ", b"p=abc"]]}
        self.assertEqual(await self.look_up("a.example"), [b"v=DKIM1; p=abc"])

    async def test_several(self) -> None:
        self.dns.texts = {"a.example": [[b"one"], [b"two"]]}
        self.assertEqual(await self.look_up("a.example"), [b"one", b"two"])

    async def test_too_long_for_a_datagram(self) -> None:
        """It is asked for again over TCP."""
        self.dns.texts = {"a.example": [[b"x" * 255] * 4]}
        self.assertEqual(await self.look_up("a.example"), [b"x" * 1020])

    async def test_alias(self) -> None:
        """As when a mail provider keeps the keys of its customers' domains."""
        self.dns.aliases = {"a.example": "b.example", "b.example": "c.example"}
        self.dns.texts = {"c.example": [[b"one"]]}
        self.assertEqual(await self.look_up("a.example"), [b"one"])

    async def test_alias_of_nothing(self) -> None:
        self.dns.aliases = {"a.example": "b.example"}
        self.assertEqual(await self.look_up("a.example"), [])

    async def test_no_such_name(self) -> None:
        self.assertEqual(await self.look_up("a.example"), [])

    async def test_server_that_cannot_say(self) -> None:
        self.dns.broken = {"a.example"}
        await self.assertFailure(Deferred.fromCoroutine(self.look_up("a.example")), Unavailable)
        self.flushLoggedErrors(ResolverError)

    async def test_server_that_does_not_answer(self) -> None:
        self.dns.silent = {"a.example"}
        await self.assertFailure(Deferred.fromCoroutine(self.look_up("a.example")), Unavailable)

    async def test_questions_at_the_same_time(self) -> None:
        self.dns.texts = {f"{name}.example": [[name.encode()]] for name in "abcd"}
        asked = [Deferred.fromCoroutine(self.look_up(f"{name}.example")) for name in "abcd"]
        self.assertEqual(await gatherResults(asked), [[b"a"], [b"b"], [b"c"], [b"d"]])

    async def test_one_question_for_a_name_at_a_time(self) -> None:
        """Whoever forges answers has as many chances as there are questions, and can have a server ask."""
        self.dns.texts = {"a.example": [[b"one"]]}
        asked = [Deferred.fromCoroutine(self.look_up("a.example")) for _ in range(50)]
        self.assertEqual(await gatherResults(asked), [[b"one"]] * 50)
        self.assertEqual(self.dns.asked, ["a.example"])
        await self.look_up("a.example")
        self.assertEqual(len(self.dns.asked), 2)

    async def test_all_who_ask_hear_that_there_is_no_answer(self) -> None:
        self.dns.broken = {"a.example"}
        asked = [Deferred.fromCoroutine(self.look_up("a.example")) for _ in range(2)]
        for each in asked:
            await self.assertFailure(each, Unavailable)
        self.flushLoggedErrors(ResolverError)

    async def test_who_stops_waiting_stops_nobody_else(self) -> None:
        self.dns.texts = {"a.example": [[b"one"]]}
        first, second = (Deferred.fromCoroutine(self.look_up("a.example")) for _ in range(2))
        first.cancel()
        await self.assertFailure(first, CancelledError)
        self.assertEqual(await second, [b"one"])

    async def test_too_many_names(self) -> None:
        """Each has a socket."""
        names = [f"{number}.example" for number in range(AT_ONCE)]
        self.dns.silent = {*names}
        asked = [Deferred.fromCoroutine(self.look_up(name)) for name in names]
        await self.assertFailure(Deferred.fromCoroutine(self.look_up("a.example")), Overloaded)
        for each in asked:
            await self.assertFailure(each, Unavailable)
        self.assertEqual(await self.look_up("a.example"), [])


class Questions(DatagramProtocol):
    """Answers nothing itself, and has somebody else answer."""

    def __init__(self, elsewhere: DatagramProtocol) -> None:
        self._elsewhere = elsewhere
        self.heard = 0

    def datagramReceived(self, data: bytes, addr: Any) -> None:
        self.heard += 1
        question = dns.Message()
        question.fromStr(data)
        answer = dns.Message(question.id, answer=1, recAv=1)
        answer.queries = question.queries
        name = question.queries[0].name.name
        answer.answers = [dns.RRHeader(name, dns.TXT, payload=dns.Record_TXT(b"forged"))]
        elsewhere: Any = self._elsewhere.transport
        elsewhere.write(answer.toStr(), addr)


class ForgedTests(TestCase):
    async def test_answer_from_somebody_else(self) -> None:
        """It even knows the question's number. Whoever guesses it need not be where the resolver is."""
        from twisted.internet import reactor

        listen: Any = reactor
        elsewhere = DatagramProtocol()
        resolver = Questions(elsewhere)
        ports = [listen.listenUDP(0, each, interface="127.0.0.1") for each in (elsewhere, resolver)]
        for port in ports:
            self.addCleanup(port.stopListening)
        look_up = TextRecords(reactor, lambda: [("127.0.0.1", ports[1].getHost().port)])
        await self.assertFailure(Deferred.fromCoroutine(look_up("a.example")), Unavailable)
        self.assertGreater(resolver.heard, 0)


class CheckerTests(DnsCase):
    async def prove(self, data: bytes) -> Proved:
        checker = DkimChecker([mails.DOMAIN], mails.TO, mails.PREFIX, self.look_up)
        return await checker.check(Presented(EmailProof(dkim_proof=data)), mails.ADDRESS, mails.ENTRY, mails.NOW)

    def publish(self, record: bytes) -> None:
        pieces = [record[start : start + 255] for start in range(0, len(record), 255)]
        self.dns.texts = {mails.KEY_NAME: [pieces]}

    async def test_key_from_the_dns(self) -> None:
        self.publish(mails.record(mails.rsa_key()))
        self.assertEqual((await self.prove(mails.signed())).address, mails.ADDRESS)

    async def test_no_key_in_the_dns(self) -> None:
        await self.assertFailure(Deferred.fromCoroutine(self.prove(mails.signed())), RegistrationRefused)

    def signed_by_mail_dkim(self, method: str, key: RSAPrivateKey) -> bytes:
        needs_perl("Mail::DKIM")
        path = Path(self.mktemp())
        path.write_bytes(mails.pem(key))
        arguments = ["perl", "-e", SIGN, method, str(path)]
        return subprocess.run(arguments, input=mails.mail(), capture_output=True, check=True).stdout

    async def test_mail_dkim_simple(self) -> None:
        self.publish(mails.record(mails.rsa_key()))
        proved = await self.prove(self.signed_by_mail_dkim("simple/simple", mails.rsa_key()))
        self.assertEqual(proved.address, mails.ADDRESS)

    async def test_mail_dkim_relaxed(self) -> None:
        self.publish(mails.record(mails.rsa_key(4096)))
        proved = await self.prove(self.signed_by_mail_dkim("relaxed/relaxed", mails.rsa_key(4096)))
        self.assertEqual(proved.address, mails.ADDRESS)


class SystemServersTests(SynchronousTestCase):
    def servers(self, text: str) -> list[tuple[str, int]]:
        path = Path(self.mktemp())
        path.write_text(text)
        return system_servers(path)

    def test_what_the_machine_asks(self) -> None:
        text = "# comment\nsearch example.com\nnameserver 192.0.2.1\nnameserver ::1 # here\nnameserver nonsense\n"
        self.assertEqual(self.servers(text), [("192.0.2.1", 53), ("::1", 53)])

    def test_nothing_said(self) -> None:
        self.assertEqual(self.servers(""), [("127.0.0.1", 53)])
        self.assertEqual(system_servers(Path("missing")), [("127.0.0.1", 53)])
