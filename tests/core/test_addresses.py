"""Canonical addresses: one person, one form."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core.addresses import canonical, canonical_domain, split, vouched
from coname.errors import InvalidRequest
from tests.core.cases import each

SAME = {
    "plain": ("alice@example.com", "alice@example.com"),
    "capitals": ("Alice@Example.COM", "alice@example.com"),
    "punctuation": ("a.b+c_d-e'f!#$%&*/=?^`{|}~@example.com", "a.b+c_d-e'f!#$%&*/=?^`{|}~@example.com"),
    "several at signs": ("A@B@example.com", "a@b@example.com"),
    "dot at the end": ("alice@example.com.", "alice@example.com"),
    "one label": ("alice@localhost", "alice@localhost"),
    "u-label": ("alice@Bücher.example", "alice@xn--bcher-kva.example"),
    "a-label": ("alice@XN--BCHER-KVA.example", "alice@xn--bcher-kva.example"),
    "sharp s is kept": ("alice@faß.example", "alice@xn--fa-hia.example"),
    "full width": ("alice@ｅxample.com", "alice@example.com"),
    "ideographic dot": ("alice@example。com", "alice@example.com"),
    "composed": ("é@example.com", "é@example.com"),
    "decomposed": ("e\u0301@example.com", "é@example.com"),
    "capital with accent": ("É@example.com", "é@example.com"),
    "capital in greek": ("ΣΑΣ@example.com", "σας@example.com"),
    "kelvin sign": ("\u212a@example.com", "k@example.com"),
}
NONE = {
    "empty": "",
    "no at sign": "alice",
    "no local part": "@example.com",
    "no domain": "alice@",
    "only an at sign": "@",
    "space": "alice bob@example.com",
    "newline": "alice\n@example.com",
    "null": "alice\0@example.com",
    "no-break space": "alice\u00a0@example.com",
    "zero width joiner": "al\u200dice@example.com",
    "right to left override": "alice\u202e@example.com",
    "unassigned": "alice\u0378@example.com",
    "surrogate": "\ud800@example.com",
    "surrogate in the domain": "alice@\ud800.com",
    "empty label": "alice@example..com",
    "only dots": "alice@.",
    "two dots at the end": "alice@example.com..",
    "another dot at the end": "alice@example.com。",
    "leading hyphen": "alice@-example.com",
    "trailing hyphen": "alice@example-.com",
    "hyphens where an A-label has them": "alice@ab--cd.example",
    "A-label that means nothing": "alice@xn--a.example",
    "A-label that is plain text": "alice@xn--abc-.example",
    "underscore": "alice@a_b.example",
    "space in the domain": "alice@exam ple.com",
    "newline in the domain": "alice@example.com\n",
    "address literal": "alice@[127.0.0.1]",
    "label of 64": f"alice@{'a' * 64}.com",
    "domain of 254": f"alice@{'.'.join(['a' * 49] * 5)}.aaaa",
    "endless domain": f"alice@{'a' * 1_000_000}",
    "endless domain of labels": f"alice@{'é.' * 500_000}",
}


@each(SAME.items(), lambda case: case[0])
class HaveAForm(SynchronousTestCase):
    def check(self, case: tuple[str, tuple[str, str]]) -> None:
        _, (address, form) = case
        self.assertEqual(canonical(address), form)
        self.assertEqual(canonical(form), form)


@each(NONE.items(), lambda case: case[0])
class HaveNone(SynchronousTestCase):
    def check(self, case: tuple[str, str]) -> None:
        error = self.assertRaises(InvalidRequest, canonical, case[1])
        str(error).encode()  # the sentence can be sent to whoever asked


class Split(SynchronousTestCase):
    def test_at_the_last_at_sign(self) -> None:
        self.assertEqual(split("a@b@c"), ("a@b", "c"))

    def test_nothing_is_changed(self) -> None:
        self.assertEqual(split("Alice@EXAMPLE.com"), ("Alice", "EXAMPLE.com"))

    def test_not_an_address(self) -> None:
        for address in ("", "a", "@a", "a@"):
            self.assertRaises(InvalidRequest, split, address)


class Vouched(SynchronousTestCase):
    def test_as_it_is_written(self) -> None:
        self.assertEqual(vouched("Alice@Example.COM"), "alice@example.com")
        self.assertEqual(vouched("E\u0301@ｅxample.com"), "é@example.com")

    def test_what_only_looks_like_it(self) -> None:
        """The sign for kelvin, and the Greek question mark: who has such an address need not have the other."""
        for address in ("\u212aate@example.com", "a\u037eb@example.com"):
            error = self.assertRaises(InvalidRequest, vouched, address)
            self.assertIn("only looks like", str(error))


class Idempotent(SynchronousTestCase):
    def _once_is_enough(self, address: str) -> None:
        try:
            form = canonical(address)
        except InvalidRequest:
            return
        self.assertEqual(canonical(form), form)
        self.assertEqual(form, form.lower())

    @settings(derandomize=True, deadline=None, max_examples=400)
    @given(st.text(min_size=1, max_size=12))
    def test_any_local_part(self, local: str) -> None:
        self._once_is_enough(f"{local}@example.com")

    @settings(derandomize=True, deadline=None, max_examples=400)
    @given(st.text(min_size=1, max_size=8), st.sampled_from(["", ".com", ".", "。de"]))
    def test_any_domain(self, label: str, rest: str) -> None:
        self._once_is_enough(f"alice@{label}{rest}")

    @settings(derandomize=True, deadline=None)
    @given(st.text(alphabet="abz019-.", min_size=1, max_size=20))
    def test_what_the_short_way_accepts_is_what_idna_makes_of_it(self, domain: str) -> None:
        import idna

        try:
            expected = idna.encode(domain.removesuffix("."), uts46=True, std3_rules=True).decode()
        except idna.IDNAError:
            expected = "."
        if expected.endswith("."):
            self.assertRaises(InvalidRequest, canonical_domain, domain)
        else:
            self.assertEqual(canonical_domain(domain), expected)
