"""The simulated realm behind a twisted.web resource, as our HTTPS front or, plainly, as the original's."""

from __future__ import annotations

import json

from google.protobuf import json_format
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from coname.errors import ConameError, NotFound
from coname.messages.client_pb2 import LookupRequest, PolicyChangesRequest, UpdateRequest
from tests.client.simulator import Realm


class RealmResource(Resource):
    """``/lookup`` and ``/update``.

    :ivar plain: errors as the original has them, text and no code.
    :ivar raw: sent instead of an answer; None for silence, with `silent`.
    """

    isLeaf = True

    def __init__(self, realm: Realm) -> None:
        super().__init__()
        self.realm = realm
        self.plain = self.silent = False
        self.raw: bytes | None = None

    def render_POST(self, request: Request) -> bytes | int:
        if self.silent:
            return NOT_DONE_YET
        if self.raw is not None:
            return self.raw
        try:
            answer = self._answer(request.path, request.content.read())
        except ConameError as error:
            return self._error(request, error)
        return json_format.MessageToJson(answer, preserving_proto_field_name=True).encode()

    def _answer(self, path: bytes, body: bytes) -> object:
        if path == b"/lookup":
            return self.realm.lookup(json_format.Parse(body, LookupRequest()))
        if path == b"/policy_changes":
            if self.plain:  # the original has no such path
                raise NotFound("404 page not found")
            return self.realm.policy_changes(json_format.Parse(body, PolicyChangesRequest()))
        return self.realm.update(json_format.Parse(body, UpdateRequest()))

    def _error(self, request: Request, error: ConameError) -> bytes:
        request.setResponseCode(error.http_status)
        if self.plain:
            return f"{error}\n".encode()
        return json.dumps({"error": {"code": error.code, "message": str(error)}}).encode()
