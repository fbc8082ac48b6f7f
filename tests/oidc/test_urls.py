"""Which addresses are asked: those of the configuration and of its providers; nothing inside for whoever is outside."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from coname.oidc.urls import UrlNotAllowed, check_configured, check_named, origin

OUTSIDE = origin("https://login.example.com/")
HERE = origin("http://127.0.0.1:8080/")


class ConfiguredTests(SynchronousTestCase):
    def refused(self, url: str) -> None:
        with self.assertRaises(UrlNotAllowed):
            check_configured(url)

    def test_https(self) -> None:
        self.assertEqual(check_configured("https://Login.example.com/x"), ("https", "login.example.com", 443))

    def test_https_in_a_private_network(self) -> None:
        check_configured("https://10.0.0.7:8443/x")

    def test_http_on_this_machine(self) -> None:
        for host in ("127.0.0.1", "[::1]", "localhost", "127.8.9.10"):
            check_configured(f"http://{host}:8080/x")

    def test_http(self) -> None:
        self.refused("http://login.example.com/x")

    def test_http_at_a_name_that_begins_like_this_machine(self) -> None:
        self.refused("http://localhost.example.com/x")
        self.refused("http://127.0.0.1.example.com/x")

    def test_other_schemes(self) -> None:
        for url in ("file:///etc/passwd", "ftp://a.example/", "javascript:1", "//a.example/", "a.example", ""):
            self.refused(url)

    def test_malformed(self) -> None:
        for url in ("https://", "https://a.example:x/", "https://a.example:99999/", "https://[::1/", "https://a b/"):
            self.refused(url)

    def test_with_more_than_an_address(self) -> None:
        for url in (
            "https://user@a.example/",
            "https://u:p@a.example/",
            "https://a.example/#x",
            "https://a.example\\@b/",
        ):
            self.refused(url)

    def test_with_what_ends_a_line(self) -> None:
        self.refused("https://a.example/\r\nHost: b")

    def test_endless(self) -> None:
        self.refused("https://a.example/" + "a" * 3000)


class NamedTests(SynchronousTestCase):
    """Addresses that a provider's document names."""

    def refused(self, url: str) -> None:
        with self.assertRaises(UrlNotAllowed):
            check_named(url, OUTSIDE)

    def test_elsewhere(self) -> None:
        check_named("https://keys.example.net/jwks", OUTSIDE)

    def test_in_the_open(self) -> None:
        self.refused("http://login.example.com/jwks")

    def test_on_this_machine(self) -> None:
        for host in ("localhost", "127.0.0.1", "[::1]", "a.localhost", "0.0.0.0", "[::ffff:127.0.0.1]"):
            self.refused(f"https://{host}/")

    def test_inside_a_private_network(self) -> None:
        for host in (
            "10.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.169.254",
            "[fe80::1]",
            "[fd00::1]",
            "100.64.0.1",
        ):
            self.refused(f"https://{host}/")

    def test_in_short_forms_of_such(self) -> None:
        for host in ("2130706433", "127.1", "10.1"):
            self.refused(f"https://{host}/")

    def test_from_this_machine_on_this_machine(self) -> None:
        check_named("http://127.0.0.1:8081/jwks", HERE)

    def test_from_this_machine_in_the_open_elsewhere(self) -> None:
        with self.assertRaises(UrlNotAllowed):
            check_named("http://login.example.com/jwks", HERE)
