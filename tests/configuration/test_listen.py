"""Addresses as Go writes them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.configuration import listen
from coname.configuration.findings import Findings
from coname.configuration.listen import Address


class AddressTests(SynchronousTestCase):
    def refused(self, text: str, expected: str) -> None:
        self.assertIn(expected, str(self.assertRaises(ValueError, listen.parse, text)))

    def test_name_and_port(self) -> None:
        self.assertEqual(listen.parse("keys.example.com:4625"), Address("keys.example.com", 4625))

    def test_every_interface(self) -> None:
        self.assertEqual(listen.parse(":4625"), Address("", 4625))

    def test_ipv6(self) -> None:
        self.assertEqual(listen.parse("[::1]:4625"), Address("::1", 4625))

    def test_ipv6_is_written_in_brackets(self) -> None:
        self.assertEqual(str(Address("::1", 4625)), "[::1]:4625")

    def test_no_port(self) -> None:
        self.refused("localhost", "has no port")

    def test_port_out_of_range(self) -> None:
        self.refused("localhost:65536", "'65536' is no port; 0 to 65535 is expected")

    def test_port_by_name(self) -> None:
        self.refused("localhost:https", "'https' is no port")

    def test_port_in_foreign_digits(self) -> None:
        self.refused("localhost:٤٦", "is no port")

    def test_ipv6_without_brackets(self) -> None:
        self.refused("::1:4625", "[::1]:4625")

    def test_brackets_around_a_name(self) -> None:
        self.refused("[localhost]:4625", "localhost")

    def test_url_instead_of_address(self) -> None:
        self.refused("https://localhost:25519", "brackets")

    def test_path_in_the_host(self) -> None:
        self.refused("localhost/x:25519", "is no host")

    def test_loopback_by_name(self) -> None:
        self.assertTrue(Address("localhost", 1).is_loopback)

    def test_loopback_by_address(self) -> None:
        self.assertTrue(Address("127.8.8.8", 1).is_loopback)
        self.assertTrue(Address("::1", 1).is_loopback)

    def test_every_interface_is_not_loopback(self) -> None:
        self.assertFalse(Address("", 1).is_loopback)


class OverlapTests(SynchronousTestCase):
    def overlap(self, *texts: str) -> list[str]:
        findings = Findings()
        listen.check_no_overlap([(findings.at(f"f{n}"), listen.parse(text)) for n, text in enumerate(texts)])
        return findings.mistakes

    def test_one_port_of_one_host_twice(self) -> None:
        self.assertEqual(self.overlap("a:1", "b:1", "a:1"), ["f2: port 1 is taken by f0 already"])

    def test_every_interface_includes_each(self) -> None:
        self.assertEqual(self.overlap("a:1", ":1"), ["f1: port 1 is taken by f0 already"])

    def test_different_hosts_may_share_a_port(self) -> None:
        self.assertEqual(self.overlap("a:1", "b:1"), [])

    def test_ports_that_the_system_chooses_never_collide(self) -> None:
        self.assertEqual(self.overlap("a:0", "a:0"), [])
