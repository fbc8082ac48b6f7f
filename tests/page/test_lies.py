"""A server that lies: what it tells is refused, and the page says so. One test for each kind of lie."""

from __future__ import annotations

import base64
import copy
import datetime
import json
from collections.abc import Callable
from typing import Any

import pytest

from coname.client.composing import signed_update, sole_key_policy, update_request
from coname.client.identity import Identity
from coname.core.vrf import suite
from coname.messages.client_pb2 import Entry, Profile
from tests.core.honest import key
from tests.page.browser import Chromium
from tests.page.case import LyingCase
from tests.system.processes import Stub

REFUSED = "Refused: the proof does not verify"
Proof = dict[str, Any]


def spoilt(text: str, place: int = 40) -> str:
    """Base64 with one bit of one byte turned over."""
    data = bytearray(base64.b64decode(text))
    data[place % len(data)] ^= 1
    return base64.b64encode(data).decode()


@pytest.mark.xdist_group("page-lies")
class Lies(LyingCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.people = {name: cls.owner(name) for name in ("alice@example.com", "bob@example.com", "mallory@example.com")}
        for name, identity in cls.people.items():
            cls.put(name, identity, 0, name.encode())

    @classmethod
    def owner(cls, name: str) -> Identity:
        return Identity(name, "testing", (key(name),))

    @classmethod
    def put(cls, name: str, identity: Identity, version: int, note: bytes) -> None:
        """Publish `note`."""
        settings = cls.keyserver.settings
        index, _ = suite(settings.suite).prove(settings.vrf_secret, name.encode())
        entry = Entry(index=index, version=version, update_policy=sole_key_policy(identity.keys[0]))
        pending = signed_update(identity, entry, {"note": note})
        with cls.keyserver.channel() as channel:
            Stub(channel).update(update_request(cls.keyserver.realm, name, pending))

    def setUp(self) -> None:
        super().setUp()
        self.assertIsInstance(self.browser, Chromium)

    def lie(self, change: Callable[[Proof], object], address: str = "alice@example.com") -> str:
        """What the page says if `change` is done to the answer for `address`."""

        def changed(proof: Proof) -> object:
            result = change(proof)
            return result if isinstance(result, dict | tuple) else proof

        page = self.visit()
        self.lying.lies["/lookup"] = changed
        return self.look_up(page, address)

    def refused(self, step: str, change: Callable[[Proof], object], address: str = "alice@example.com") -> str:
        said = self.lie(change, address)
        self.assertIn(REFUSED, said)
        self.assertIn("Do not use any key", said)
        detail = self.browser_detail()
        self.assertTrue(detail.startswith(f"{step}: "), detail)
        return detail

    def browser_detail(self) -> str:
        (page,) = [page for context in self.browser._browser.contexts for page in context.pages]
        page.click("summary")
        return str(page.inner_text("#lookup-outcome details .mono"))

    def test_the_truth_is_shown(self) -> None:
        self.assertIn("Proved: these are the keys", self.lie(lambda proof: proof))

    def test_another_key(self) -> None:
        def change(proof: Proof) -> None:
            profile = Profile.FromString(base64.b64decode(proof["profile"]))
            profile.keys["note"] = b"mallory's"
            proof["profile"] = base64.b64encode(profile.SerializeToString()).decode()

        self.refused("profile", change)
        (page,) = self.browser._browser.contexts[0].pages
        self.looks_well(page, "refused")

    def test_the_whole_answer_for_somebody_else(self) -> None:
        def change(proof: Proof) -> Proof:
            status, _, body = self.lying.ask("/lookup", b'{"user_id": "mallory@example.com"}')
            self.assertEqual(status, 200)
            return {**json.loads(body), "user_id": "alice@example.com"}

        self.refused("index", change)

    def test_somebody_else_s_name(self) -> None:
        self.refused("user", lambda proof: proof.update(user_id="mallory@example.com"))

    def test_another_index(self) -> None:
        self.refused("index", lambda proof: proof.update(index=spoilt(proof["index"])))

    def test_another_proof_of_the_index(self) -> None:
        self.refused("index", lambda proof: proof.update(index_proof=spoilt(proof["index_proof"])))

    def test_no_signature(self) -> None:
        self.refused("ratification", lambda proof: proof.update(ratifications=[]))

    def test_a_wrong_signature(self) -> None:
        def change(proof: Proof) -> None:
            signatures = proof["ratifications"][0]["signatures"]
            signatures.update({signer: spoilt(signature) for signer, signature in signatures.items()})

        self.refused("signatures", change)

    def test_another_head(self) -> None:
        self.refused("signatures", lambda proof: proof["ratifications"][0].update(
            head=spoilt(proof["ratifications"][0]["head"], 20)))  # fmt: skip

    def test_another_neighbor(self) -> None:
        def change(proof: Proof) -> None:
            proof["tree_proof"]["neighbors"][0] = spoilt(proof["tree_proof"]["neighbors"][0])

        self.refused("tree", change)

    def test_absent_although_present(self) -> None:
        def change(proof: Proof) -> None:
            del proof["entry"], proof["profile"]
            proof["tree_proof"].pop("existing_index")
            proof["tree_proof"].pop("existing_entry_hash")

        self.refused("tree", change)

    def test_the_entry_is_kept_back(self) -> None:
        self.refused("entry", lambda proof: proof.pop("entry"))

    def test_an_entry_for_nobody(self) -> None:
        self.refused("entry", lambda proof: proof.update(entry="AAAA"), "nobody@example.com")

    def test_too_old(self) -> None:
        page = self.visit()
        page.clock.set_fixed_time(datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=2))
        said = self.look_up(page, "alice@example.com")
        self.assertIn(REFUSED, said)
        self.assertIn("too old", said)
        self.assertTrue(self.browser_detail().startswith("freshness: "))

    def test_back_in_time(self) -> None:
        page = self.visit()
        self.look_up(page, "bob@example.com")
        old = copy.deepcopy(self.lying.seen["/lookup"][0])
        self.put("bob@example.com", self.people["bob@example.com"], 1, b"new")
        self.assertIn("new", self.look_up(page, "bob@example.com"))
        self.lying.lies["/lookup"] = lambda proof: old
        said = self.look_up(page, "bob@example.com")
        self.assertIn(REFUSED, said)
        self.assertIn("contradicts what this browser has seen before", said)
        self.assertTrue(self.browser_detail().startswith("memory: "))

    def since(self, change: Callable[[Proof], object]) -> str:
        """Since when the page says that an entry is in force, if `change` is done to what it is told of the past."""
        page, answers = self.visit(), []

        def changed(proof: Proof) -> Proof:
            if answers:
                change(proof)
            answers.append(proof)
            return proof

        self.lying.lies["/lookup"] = changed
        self.look_up(page, "mallory@example.com")
        page.wait_for_selector(".since:not(:text('looking'))")
        self.assertGreater(len(answers), 1)
        return str(page.inner_text(".since"))

    def test_the_past_is_told(self) -> None:
        self.matches("^epoch [0-9]+, .* version 0 of the entry$", self.since(lambda proof: None))

    def test_a_lie_about_the_past(self) -> None:
        said = self.since(lambda proof: proof.update(index=spoilt(proof["index"])))
        self.assertEqual(said, "could not be found out: Refused: the proof does not verify")

    def test_the_past_is_not_signed(self) -> None:
        said = self.since(lambda proof: proof["ratifications"][0].update(signatures={}))
        self.matches("^at least since epoch [0-9]+, ", said)

    def test_not_json(self) -> None:
        self.refused("form", lambda proof: (200, b"<html>"))

    def test_not_a_proof(self) -> None:
        self.refused("form", lambda proof: (200, b'{"ratifications": 5}'))

    def test_markup_in_a_refusal_is_text(self) -> None:
        answer = b'{"error": {"code": "x", "message": "<img src=x onerror=alert(1)>"}}'
        said = self.lie(lambda proof: (400, answer))
        self.assertIn("The server refused", said)
        (page,) = self.browser._browser.contexts[0].pages
        self.assertEqual(page.query_selector_all("#lookup-outcome img"), [])

    def test_an_update_is_said_to_be_done_and_is_not(self) -> None:
        page = self.visit()
        self.lying.lies["/update"] = lambda proof: absent
        self.look_up(page, "liz@example.com")
        absent = copy.deepcopy(self.lying.seen["/lookup"][-1])
        self.own(page, "liz@example.com")
        self.add(page, "text", "other", "note")
        self.review(page)
        page.check("#keep-risk")
        page.click("button:has-text('Register and publish')")
        page.wait_for_selector("#owner-stage [role=alert]")
        self.assertNotIn("Published", page.inner_text("#owner-stage"))
        self.matches(
            "Refused: the proof does not verify|proves that it is not in force", page.inner_text("#owner-stage")
        )
