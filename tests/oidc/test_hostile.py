"""Whatever a stranger or a provider sends is taken or refused; nothing else comes of it."""

from __future__ import annotations

import contextlib
import json
from base64 import urlsafe_b64encode
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.errors import RegistrationRefused
from coname.oidc.claims import Expected, check
from coname.oidc.documents import DocumentInvalid
from coname.oidc.freshness import LEAST, MOST, lifetime
from coname.oidc.keys import parse_keys
from coname.oidc.metadata import parse_metadata
from coname.oidc.sealing import seal, unseal
from coname.oidc.tokens import read, unverified_issuer, verified_claims
from coname.oidc.urls import UrlNotAllowed, check_named, origin
from coname.oidc.vouching import carried, identified
from tests.oidc.fake_provider import NOW, FakeProvider

VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
EXPECTED = Expected("https://i.example", "coname", 600, 60)
KEY = bytes(32)
HERE = origin("https://i.example/")
often = settings(derandomize=True, max_examples=100, deadline=None)


def part(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@cache
def published() -> Any:
    """The keys of a provider."""
    return parse_keys(json.dumps({"keys": [FakeProvider.public("RS256"), FakeProvider.public("ES256")]}).encode())


class HostileTests(SynchronousTestCase):
    @often
    @given(
        st.text(max_size=200)
        | st.from_regex(r"[\w-]{0,30}\.[\w-]{0,30}\.[\w-]{0,30}(~[\w-]{0,9}){0,3}", fullmatch=True)
    )
    def test_tokens(self, text: str) -> None:
        with contextlib.suppress(RegistrationRefused):
            unverified_issuer(carried(text).token)

    @often
    @given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "x5c"]), VALUES), VALUES)
    def test_tokens_of_two_parts_in_order(self, header: Any, content: Any) -> None:
        keys = published()
        token = f"{part({'alg': 'RS256', 'kid': 'rsa', **header})}.{part(content)}.AAAA"
        with contextlib.suppress(RegistrationRefused):
            unverified_issuer(token)
        with self.assertRaises(RegistrationRefused):
            verified_claims(read(token), keys, "https://i.example")

    @often
    @given(
        st.dictionaries(
            st.sampled_from(["iss", "aud", "azp", "sub", "exp", "iat", "nbf", "nonce", "email", "email_verified"]),
            VALUES,
        )
    )
    def test_claims(self, wrong: Any) -> None:
        right = {
            "iss": "https://i.example",
            "aud": "coname",
            "sub": "1",
            "exp": NOW + 60,
            "iat": NOW,
            "email": "a@example.com",
            "email_verified": True,
        }
        with contextlib.suppress(RegistrationRefused):
            identity = check(right | wrong, EXPECTED, NOW)
            identified(identity, carried("a.b.c"), KEY)
            self.assertLessEqual(identity.expires, NOW + 60 + 600 + 60)

    @often
    @given(VALUES | st.fixed_dictionaries({"keys": st.lists(VALUES, max_size=5)}))
    def test_keys(self, document: Any) -> None:
        with contextlib.suppress(DocumentInvalid):
            parse_keys(json.dumps(document).encode())

    @often
    @given(
        st.sampled_from(["RSA", "EC", "OKP"]),
        st.dictionaries(st.sampled_from(["n", "e", "crv", "x", "y", "alg", "use", "key_ops"]), VALUES),
    )
    def test_keys_of_a_kind(self, kind: str, members: Any) -> None:
        with contextlib.suppress(DocumentInvalid):  # NaN is no JSON
            parse_keys(json.dumps({"keys": [{"kty": kind, **members}]}).encode())

    @often
    @given(st.binary(max_size=100) | VALUES.map(lambda value: json.dumps(value).encode()))
    def test_descriptions(self, data: bytes) -> None:
        with contextlib.suppress(DocumentInvalid):
            parse_metadata(data, "https://i.example", HERE)

    @often
    @given(st.dictionaries(st.sampled_from(["cache-control", "expires", "age", "date"]), st.text(max_size=40)))
    def test_headers(self, headers: dict[str, str]) -> None:
        self.assertTrue(LEAST <= lifetime(headers) <= MOST)

    @often
    @given(st.text(max_size=60) | st.from_regex(r"https?://[^/]{0,20}(:[0-9]{0,6})?/.{0,10}", fullmatch=True))
    def test_addresses(self, url: str) -> None:
        with contextlib.suppress(UrlNotAllowed):
            self.assertEqual(check_named(url, HERE).scheme, "https")

    @often
    @given(st.text(max_size=100))
    def test_cookies(self, text: str) -> None:
        self.assertIsNone(unseal(KEY, text))

    def test_a_cookie_that_no_browser_keeps(self) -> None:
        self.assertIsNone(unseal(KEY, seal(KEY, {"state": "x" * 4000})))

    def test_a_cookie_with_any_character_changed(self) -> None:
        sealed = seal(KEY, {"state": "x"})
        for place in range(len(sealed) - 1):  # of the last one, some bits mean nothing
            changed = sealed[:place] + ("A" if sealed[place] != "A" else "B") + sealed[place + 1 :]
            self.assertIsNone(unseal(KEY, changed))
