"""Encodings put together by hand are those that the libraries make."""

from __future__ import annotations

from base64 import b64encode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from coname.core import wire
from coname.messages.client_pb2 import EpochHead, UpdateRequest
from tests.core.cases import each


@each([0, 1, 127, 128, 129, 16383, 16384, 2**21 - 1, 2**21], str)
class LengthDelimited(SynchronousTestCase):
    """Around each length at which its encoding grows."""

    def check(self, size: int) -> None:
        data = bytes(size)
        self.assertEqual(EpochHead.FromString(wire.length_delimited(b"\x1a", data)).root_hash, data)

    def test_as_protobuf_writes_it(self) -> None:
        self.assertEqual(
            wire.length_delimited(b"\x12", b"x" * 300), UpdateRequest(profile=b"x" * 300).SerializeToString()
        )


class Base64(SynchronousTestCase):
    @settings(derandomize=True, deadline=None)
    @given(st.binary())
    def test_standard_with_padding(self, data: bytes) -> None:
        self.assertEqual(wire.base64(data), b64encode(data).decode())
