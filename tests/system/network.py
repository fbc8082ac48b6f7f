"""A network of machines inside this one: each is a network namespace with an address of its own, all on one switch.

The test itself is one more machine on the switch, and reaches every other whatever is done to the links between those.
The switch is in a namespace of its own, so that no rule of this machine's firewall applies to what crosses it.

Only iproute2 is needed, and root. A link is cut in one direction by a neighbour entry: what the one sends to the other
goes to a hardware address that nobody has, and is lost without a word, as on a broken wire.
"""

from __future__ import annotations

import itertools
import os
import random
import subprocess
from collections.abc import Iterable
from unittest import SkipTest

from tests.needs import needs

NOBODY = "02:00:00:00:00:01"

_numbers = itertools.count(1)


def needs_network() -> None:
    """Skip the test that calls this, unless network namespaces can be made here; where CI is set, fail."""
    needs("ip", "tc")
    name = f"cn{os.getpid()}probe"
    try:
        _ip("netns", "add", name)
        _ip("-n", name, "link", "add", "switch", "type", "bridge")
    except OSError as error:
        reason = f"no network namespaces here: {error}"
        if os.environ.get("CI"):
            raise AssertionError(reason) from error
        raise SkipTest(reason) from error
    finally:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


class Network:
    """See the module. To be ended with `clean_up`.

    :param size: how many machines. They are numbered from 1.
    """

    def __init__(self, size: int) -> None:
        self._prefix = f"cn{os.getpid()}x{next(_numbers)}"
        self._subnet = f"198.18.{random.SystemRandom().randrange(256)}"  # RFC 2544: for tests of networks
        self._switch = f"{self._prefix}s"
        self._machines = range(1, size + 1)
        _ip("netns", "add", self._switch)
        _ip("-n", self._switch, "link", "add", "switch", "type", "bridge")
        _ip("-n", self._switch, "link", "set", "switch", "up")
        _ip("link", "add", self._prefix, "type", "veth", "peer", "name", "test", "netns", self._switch)
        self._plug("test")
        _ip("address", "add", f"{self._subnet}.254/24", "dev", self._prefix)
        _ip("link", "set", self._prefix, "up")
        for machine in self._machines:
            self._add(machine)

    def address(self, machine: int) -> str:
        """Where `machine` is."""
        return f"{self._subnet}.{machine}"

    def command(self, machine: int) -> list[str]:
        """What to put before a command so that it runs there."""
        return ["ip", "netns", "exec", self._namespace(machine)]

    def cut(self, sender: int, receiver: int) -> None:
        """Lose all that `sender` sends to `receiver`, and nothing else."""
        entry = [self.address(receiver), "lladdr", NOBODY, "dev", "eth0", "nud", "permanent"]
        _ip("-n", self._namespace(sender), "neighbour", "replace", *entry)

    def part(self, one: Iterable[int], other: Iterable[int]) -> None:
        """Lose all that is sent between the two groups."""
        for here, there in itertools.product(one, list(other)):
            self.cut(here, there)
            self.cut(there, here)

    def mend(self) -> None:
        """Lose nothing any more."""
        for here, there in itertools.permutations(self._machines, 2):
            entry = ["neighbour", "delete", self.address(there), "dev", "eth0"]
            subprocess.run(["ip", "-n", self._namespace(here), *entry], capture_output=True, check=False)

    def slow(self, machine: int, kilobits: int) -> None:
        """Let `machine` send, and receive, no more than this in a second; what is more waits for up to a second."""
        limits = ["tbf", "rate", f"{kilobits}kbit", "burst", "4kb", "latency", "1s"]
        _run("tc", "-n", self._namespace(machine), "qdisc", "replace", "dev", "eth0", "root", *limits)
        _run("tc", "-n", self._switch, "qdisc", "replace", "dev", f"port{machine}", "root", *limits)

    def quicken(self, machine: int) -> None:
        """Undo `slow`."""
        _run("tc", "-n", self._namespace(machine), "qdisc", "delete", "dev", "eth0", "root")
        _run("tc", "-n", self._switch, "qdisc", "delete", "dev", f"port{machine}", "root")

    def clean_up(self) -> None:
        """Remove all of it. What still runs there keeps running, and reaches nobody."""
        for name in [self._switch, *map(self._namespace, self._machines)]:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "delete", self._prefix], capture_output=True, check=False)

    def _add(self, machine: int) -> None:
        name, port = self._namespace(machine), f"port{machine}"
        _ip("netns", "add", name)
        _ip("-n", self._switch, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
        self._plug(port)
        _ip("-n", name, "address", "add", f"{self.address(machine)}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", name, "link", "set", device, "up")

    def _plug(self, port: str) -> None:
        _ip("-n", self._switch, "link", "set", port, "master", "switch", "up")

    def _namespace(self, machine: int) -> str:
        return f"{self._prefix}m{machine}"


def _ip(*words: str) -> None:
    _run("ip", *words)


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(words)}: {done.stderr.strip()}")
