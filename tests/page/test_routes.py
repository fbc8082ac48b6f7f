"""The page as it is served: types, caching, compression, and what a browser is told to allow."""

from __future__ import annotations

import gzip
import json
import re
from typing import NamedTuple

from google.protobuf import json_format
from twisted.trial.unittest import SynchronousTestCase

from coname.messages.config_pb2 import Config
from coname.protocols.http_exchange import RequestHeaders
from coname.protocols.page_files import FOLDER, page_files
from coname.protocols.page_routes import page_routes
from coname.protocols.responses import Response, header_lines
from tests.core.honest import Realm


class Asked(NamedTuple):
    """As much of an exchange as the page's handlers look at."""

    requestHeaders: RequestHeaders


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.realm = Realm().config()
        self.routes = page_routes(lambda: self.realm)

    def get(self, path: bytes, **headers: bytes) -> Response:
        asked = RequestHeaders()
        for name, value in headers.items():
            asked.addRawHeader(name.replace("_", "-").encode(), value)
        response = self.routes[path][b"GET"](Asked(asked))  # type: ignore[arg-type]
        assert isinstance(response, Response)
        return response

    def headers(self, response: Response) -> dict[str, str]:
        lines = header_lines(response, b"now", close=False).decode().split("\r\n")[1:-2]
        return dict(line.split(": ", 1) for line in lines)

    def asset(self, suffix: str) -> bytes:
        (name,) = [path.name for path in FOLDER.iterdir() if path.suffix == suffix]
        return f"/{name}".encode()


class Files(Case):
    def test_the_document(self) -> None:
        response = self.get(b"/")
        self.assertEqual((response.status, response.content_type), (200, b"text/html; charset=utf-8"))
        self.assertEqual(response.body, (FOLDER / "index.html").read_bytes())

    def test_the_document_is_asked_for_each_time(self) -> None:
        self.assertEqual(self.headers(self.get(b"/"))["Cache-Control"], "no-cache")

    def test_other_files_are_kept_for_good(self) -> None:
        for suffix in (".js", ".css", ".svg", ".txt"):
            control = self.headers(self.get(self.asset(suffix)))["Cache-Control"]
            self.assertEqual(control, "public, max-age=31536000, immutable")

    def test_what_the_browser_has_is_not_sent_again(self) -> None:
        for path in (b"/", self.asset(".js")):
            tag = self.headers(self.get(path))["ETag"].encode()
            for known in (tag, tag.removeprefix(b"W/"), b'"other", ' + tag):
                response = self.get(path, If_None_Match=known)
                self.assertEqual((response.status, response.body), (304, b""))
            self.assertEqual(self.get(path, If_None_Match=b'"other"').status, 200)

    def test_a_304_says_nothing_of_a_body(self) -> None:
        tag = self.headers(self.get(b"/"))["ETag"].encode()
        headers = self.headers(self.get(b"/", If_None_Match=tag))
        self.assertEqual(headers.keys() & {"Content-Length", "Content-Type"}, set())

    def test_compressed_for_those_who_take_it(self) -> None:
        for path in (b"/", self.asset(".js")):
            plain = self.get(path)
            self.assertNotIn("Content-Encoding", self.headers(plain))
            for accepts in (b"gzip", b"gzip, deflate, br", b"br;q=1.0, gzip;q=0.5"):
                packed = self.get(path, Accept_Encoding=accepts)
                self.assertEqual(self.headers(packed)["Content-Encoding"], "gzip")
                self.assertEqual(gzip.decompress(packed.body), plain.body)
            for accepts in (b"br", b"gzip;q=0", b"gzip; q=0.0"):
                self.assertEqual(self.get(path, Accept_Encoding=accepts).body, plain.body)

    def test_every_file_of_the_folder_is_served(self) -> None:
        names = {f"/{path.name}".encode() for path in FOLDER.iterdir()} - {b"/index.html"} | {b"/"}
        self.assertEqual(page_files().keys(), names)

    def test_nothing_foreign_is_allowed(self) -> None:
        for path in page_files():
            headers = self.headers(self.get(path))
            policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
            self.assertEqual(policy["default-src"], "'none'")
            self.assertEqual(policy["frame-ancestors"], "'none'")
            self.assertEqual({policy[name] for name in ("script-src", "style-src", "connect-src")}, {"'self'"})
            self.assertEqual(policy["require-trusted-types-for"], "'script'")
            self.assertNotIn("unsafe", headers["Content-Security-Policy"])
            self.assertEqual(headers["Referrer-Policy"], "no-referrer")
            self.assertEqual(headers["X-Content-Type-Options"], "nosniff")

    def test_the_document_has_no_script_or_style_of_its_own(self) -> None:
        document = self.get(b"/").body.decode()
        self.assertEqual(re.findall(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|javascript:", document), [])


class RealmJson(Case):
    def test_is_a_client_s_configuration(self) -> None:
        response = self.get(b"/realm.json")
        self.assertEqual(response.content_type, b"application/json")
        config = json_format.ParseDict(json.loads(response.body), Config())
        self.assertEqual(list(config.realms), [self.realm])

    def test_is_the_present_one(self) -> None:
        self.realm.verification_policy.quorum.threshold = 3
        config = json_format.Parse(self.get(b"/realm.json").body, Config())
        self.assertEqual(config.realms[0].verification_policy.quorum.threshold, 3)

    def test_is_never_kept(self) -> None:
        self.assertEqual(self.headers(self.get(b"/realm.json"))["Cache-Control"], "no-store")
