"""A verifier's numbers over HTTP, as Prometheus reads them: ``GET /metrics``.

They are read off the `Tally` when somebody asks, so that nothing has to keep them up to date. There is no secret among
them; the listener is on loopback unless the configuration names another address, since it has no TLS and no login.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.web.resource import Resource
from twisted.web.server import Site

from coname.following.tally import Tally

if TYPE_CHECKING:
    from twisted.internet.address import IPv4Address
    from twisted.internet.interfaces import IListeningPort
    from twisted.web.server import Request

PREFIX = "coname_verifier_"

IDLE_SECONDS = 60
"""A connection without a request for so long is closed."""


class TallyCollector:
    """Makes Prometheus's metrics of a `Tally`."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterable[Metric]:
        """The numbers as they stand; called by prometheus_client."""
        tally = self._tally
        yield _gauge("verified_epoch", "The newest epoch that was verified.", tally.verified_epoch)
        yield _gauge("verified_issue_time_seconds", "When that epoch was issued, since 1970.", tally.issued)
        yield _gauge("behind_steps", "Steps that the keyserver is known to have, not verified yet.", tally.behind)
        yield _gauge(
            "policy_since_epoch",
            "The epoch whose head announced who ratifies now; 0 for the configured replicas.",
            tally.policy_since,
        )
        yield _gauge("connected", "Whether the keyserver's stream is open.", tally.connected)
        yield _gauge("signing", "0 once there was a violation, until an operator resumes.", tally.signing)
        yield _gauge("evidence_waiting", "Whether evidence could not be written yet.", tally.evidence_waiting)
        yield _counter("steps", "Steps that were verified since the start.", tally.steps)
        yield _counter("signed", "Signatures that the keyserver has taken since the start.", tally.signed)
        yield _counter("push_failures", "Pushes that failed since the start.", tally.push_failures)
        violations = CounterMetricFamily(
            f"{PREFIX}violations", "Violations that were found since the start, by rule.", labels=["rule"]
        )
        for rule, count in sorted(tally.violations.items()):
            violations.add_metric([rule], count)
        yield violations


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, words, value=float(value))


def _counter(name: str, words: str, value: float) -> Metric:
    return CounterMetricFamily(PREFIX + name, words, value=float(value))


class MetricsResource(Resource):
    """``/metrics``."""

    isLeaf = True

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self._registry = registry

    def render_GET(self, request: Request) -> bytes:
        """All metrics, in Prometheus's text format."""
        request.setHeader(b"content-type", CONTENT_TYPE_LATEST.encode())
        return generate_latest(self._registry)


class SilentSite(Site):
    """A site that does not log its requests: a scrape each few seconds would hide what matters."""

    def log(self, request: object) -> None:
        """Nothing."""


class MetricsService(Service):
    """Listens for Prometheus.

    :ivar port: the port it listens on, once started; 0 before.
    """

    def __init__(self, tally: Tally, host: str, port: int, reactor: Any) -> None:
        """
        :param host: an IP address of this machine.
        :param port: 0 for any free one.
        """
        self.port = 0
        self._address = (host, port)
        self._reactor = reactor
        self._listening: IListeningPort | None = None
        registry = CollectorRegistry()
        registry.register(cast("Any", TallyCollector(tally)))
        root = Resource()
        root.putChild(b"metrics", MetricsResource(registry))
        self._site = SilentSite(root, timeout=IDLE_SECONDS)
        self._site.displayTracebacks = False
        self._site.noisy = False

    def startService(self) -> None:
        """Listen.

        :raises twisted.internet.error.CannotListenError: the port cannot be had.
        """
        super().startService()
        host, port = self._address
        listening = self._reactor.listenTCP(port, self._site, interface=host)
        self._listening = listening
        self.port = cast("IPv4Address", listening.getHost()).port

    def stopService(self) -> Deferred[None]:
        """Fires when the port is closed."""
        super().stopService()
        listening, self._listening = self._listening, None
        return (listening.stopListening() if listening is not None else None) or succeed(None)
