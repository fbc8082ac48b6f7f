"""A verifier's numbers over HTTP."""

from __future__ import annotations

import treq
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet import reactor
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import TestCase
from twisted.web.client import Agent, HTTPConnectionPool

from coname.following.tally import Tally
from coname.protocols.metrics import MetricsService


class MetricsTests(TestCase):
    def setUp(self) -> None:
        self.tally = Tally()
        self.service = MetricsService(self.tally, "127.0.0.1", 0, reactor)
        self.service.startService()
        self.addCleanup(self.service.stopService)
        self.pool = HTTPConnectionPool(reactor, persistent=False)
        self.agent = treq.client.HTTPClient(Agent(reactor, pool=self.pool))

    async def numbers(self) -> dict[str, float]:
        answer = await self.agent.get(f"http://127.0.0.1:{self.service.port}/metrics")
        self.assertEqual(answer.code, 200)
        self.assertTrue(answer.headers.getRawHeaders("content-type")[0].startswith("text/plain"))
        families = text_string_to_metric_families((await answer.content()).decode())
        return {
            sample.name + "".join(f"{{{name}={value}}}" for name, value in sample.labels.items()): sample.value
            for family in families
            for sample in family.samples
        }

    async def test_every_number(self) -> None:
        self.tally.verified_epoch, self.tally.issued, self.tally.behind = 17, 1234.5, 3
        self.tally.steps, self.tally.signed, self.tally.push_failures = 40, 16, 2
        self.tally.connected, self.tally.signing, self.tally.evidence_waiting = True, False, 1
        self.tally.violations["two_heads"], self.tally.policy_since = 1, 12
        self.assertEqual(
            await self.numbers(),
            {
                "coname_verifier_verified_epoch": 17,
                "coname_verifier_verified_issue_time_seconds": 1234.5,
                "coname_verifier_behind_steps": 3,
                "coname_verifier_policy_since_epoch": 12,
                "coname_verifier_connected": 1,
                "coname_verifier_signing": 0,
                "coname_verifier_evidence_waiting": 1,
                "coname_verifier_steps_total": 40,
                "coname_verifier_signed_total": 16,
                "coname_verifier_push_failures_total": 2,
                "coname_verifier_violations_total{rule=two_heads}": 1,
            },
        )

    async def test_they_are_as_of_now(self) -> None:
        await self.numbers()
        self.tally.verified_epoch = 5
        self.assertEqual((await self.numbers())["coname_verifier_verified_epoch"], 5)

    async def test_there_is_nothing_else(self) -> None:
        answer = await self.agent.get(f"http://127.0.0.1:{self.service.port}/")
        self.assertEqual(answer.code, 404)
        answer = await self.agent.post(f"http://127.0.0.1:{self.service.port}/metrics", b"")
        self.assertEqual(answer.code, 405)

    def test_it_listens_on_the_given_address_only(self) -> None:
        self.assertEqual(self.service._listening.getHost().host, "127.0.0.1")

    async def test_scrapes_are_not_logged(self) -> None:
        events: list[LogEvent] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        await self.numbers()
        self.assertEqual([event for event in events if "metrics" in str(event.get("log_text", event))], [])
