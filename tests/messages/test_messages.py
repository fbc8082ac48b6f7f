"""The messages are laid out as protocol section 2 says, and the generated code is that of the .proto files."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import SkipTest

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from twisted.trial.unittest import SynchronousTestCase

from coname.messages import client_pb2, verification_pb2
from coname.messages.client_pb2 import Entry, LookupProof, Profile, SignedEntryUpdate, TimestampedEpochHead

ROOT = Path(__file__).parents[2]

LAYOUT = {
    "LookupRequest": "1 epoch uint64, 2 user_id string, 4 quorum_requirement QuorumExpr",
    "UpdateRequest": "1 update SignedEntryUpdate, 2 profile bytes, 3 lookup_parameters LookupRequest, "
    "1000 email_proof EmailProof",
    "LookupProof": "1 user_id string, 2 index bytes, 3 index_proof bytes, 4 ratifications SignedEpochHead*, "
    "5 tree_proof TreeProof, 6 entry bytes, 7 profile bytes",
    "TreeProof": "1 neighbors bytes*, 2 existing_index bytes, 3 existing_entry_hash bytes",
    "Entry": "1 index bytes, 2 version uint64, 3 update_policy AuthorizationPolicy, 4 profile_commitment bytes",
    "SignedEntryUpdate": "1 new_entry bytes, 2 signatures fixed64:bytes",
    "Profile": "1 nonce bytes, 2 keys string:bytes",
    "SignedEpochHead": "1 head bytes, 2 signatures fixed64:bytes",
    "TimestampedEpochHead": "1 head bytes, 2 timestamp Timestamp",
    "EpochHead": "1 realm string, 2 epoch uint64, 3 root_hash bytes, 4 issue_time Timestamp, "
    "5 previous_summary_hash bytes, 6 next_epoch_policy AuthorizationPolicy",
    "AuthorizationPolicy": "1 public_keys fixed64:PublicKey, 2 quorum QuorumExpr",
    "PublicKey": "1 ed25519 bytes",
    "QuorumExpr": "1 threshold uint32, 2 candidates fixed64*, 3 subexpressions QuorumExpr*",
    "EmailProof": "1 dkim_proof bytes, 2 oidc_token string, 3 saml_response string",
    "Timestamp": "1 seconds int64, 2 nanos int32",
    "Duration": "1 seconds int64, 2 nanos int32",
    "VerifierStreamRequest": "1 start uint64, 2 page_size uint64",
    "VerifierStep": "1 Update SignedEntryUpdate, 2 Epoch SignedEpochHead",
    "Nothing": "",
}

_TYPES = {
    FieldDescriptor.TYPE_UINT64: "uint64",
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_FIXED64: "fixed64",
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_BYTES: "bytes",
}


def kind(field: FieldDescriptor) -> str:
    nested = field.message_type
    if nested is not None and nested.GetOptions().map_entry:
        return f"{kind(nested.fields_by_name['key'])}:{kind(nested.fields_by_name['value'])}"
    name = nested.name if nested is not None else _TYPES[field.type]
    return name + ("*" if field.is_repeated else "")


OURS = range(100, 1000)
"""The numbers of fields that are additions, which the original's programs read over."""


class LayoutTests(SynchronousTestCase):
    def check(self, name: str) -> None:
        module = client_pb2 if hasattr(client_pb2, name) else verification_pb2
        descriptor = getattr(module, name).DESCRIPTOR
        found = ", ".join(
            f"{field.number} {field.name} {kind(field)}" for field in descriptor.fields if field.number not in OURS
        )
        self.assertEqual(found, LAYOUT[name])
        self.assertEqual(descriptor.full_name, f"proto.{name}")


def _add_layout_tests() -> None:
    for name in LAYOUT:
        setattr(LayoutTests, f"test_{name}", lambda self, name=name: self.check(name))


_add_layout_tests()


class OpaqueBytesTests(SynchronousTestCase):
    """A bytes field is kept as received, where parsing and serialising would change it."""

    NOT_CANONICAL = bytes.fromhex("1001") + bytes.fromhex("0a020102")  # version before index

    def test_parsing_again_would_change_it(self) -> None:
        self.assertNotEqual(Entry.FromString(self.NOT_CANONICAL).SerializeToString(), self.NOT_CANONICAL)

    def kept(self, outer: Message, field: str) -> None:
        setattr(outer, field, self.NOT_CANONICAL)
        again = type(outer).FromString(outer.SerializeToString())
        self.assertEqual(getattr(again, field), self.NOT_CANONICAL)

    def test_entry_in_update(self) -> None:
        self.kept(SignedEntryUpdate(), "new_entry")

    def test_entry_in_proof(self) -> None:
        self.kept(LookupProof(), "entry")

    def test_profile_in_proof(self) -> None:
        self.kept(LookupProof(), "profile")

    def test_head_in_head(self) -> None:
        self.kept(TimestampedEpochHead(), "head")

    def test_an_absent_entry_is_told_from_an_empty_one(self) -> None:
        self.assertFalse(LookupProof().HasField("entry"))
        self.assertTrue(LookupProof.FromString(LookupProof(entry=b"").SerializeToString()).HasField("entry"))

    def test_wire_is_that_of_a_nested_message(self) -> None:
        profile = Profile(nonce=b"n" * 16, keys={"pgp": b"x"}).SerializeToString()
        encoded = LookupProof(profile=profile).SerializeToString()
        self.assertEqual(encoded, b"\x3a" + bytes([len(profile)]) + profile)


class GeneratedTests(SynchronousTestCase):
    def test_generated_code_is_that_of_the_proto_files(self) -> None:
        try:
            import grpc_tools  # noqa: F401
        except ImportError:
            raise SkipTest("grpcio-tools is not installed (the extra `messages`)") from None
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        sources = sorted((ROOT / "coname" / "messages").glob("*.proto"))
        for source in sources:
            target = folder / "coname" / "messages" / source.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        names = [str(source.relative_to(ROOT)) for source in sources]
        words = [sys.executable, "-m", "grpc_tools.protoc", "-I.", "--python_out=.", "--pyi_out=.", *names]
        subprocess.run(words, cwd=folder, check=True)
        for source in sources:
            for suffix in ("_pb2.py", "_pb2.pyi"):
                name = source.stem + suffix
                made = (folder / "coname" / "messages" / name).read_text()
                kept = (ROOT / "coname" / "messages" / name).read_text()
                self.assertEqual(_code(made), _code(kept), f"{name} is out of date: run `make messages`")


def _code(text: str) -> list[str]:
    """Without the comments and the check of the compiler's version."""
    skipped = ("#", "    ", "_runtime_version", ")", "from google.protobuf import runtime_version")
    return [line for line in text.splitlines() if line and not line.startswith(skipped)]
