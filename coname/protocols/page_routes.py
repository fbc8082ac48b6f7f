"""What the HTTPS front has for people: the page, and what its code must know of the realm.

``GET /realm.json`` is a client's configuration of this realm (`Config` in protobuf's JSON). **Who takes it from here
trusts this server for it**: the page says so. It holds nothing that is secret.
"""

from __future__ import annotations

from collections.abc import Callable
from json import dumps
from typing import TYPE_CHECKING

from google.protobuf.json_format import MessageToDict

from coname.messages.config_pb2 import Config, RealmConfig
from coname.protocols.page_files import page_files
from coname.protocols.responses import JSON, Response

if TYPE_CHECKING:
    from coname.protocols.http_exchange import Exchange
    from coname.protocols.http_service import Routes

CurrentRealm = Callable[[], RealmConfig]
"""What clients of this realm have in their configuration, as things stand."""


def page_routes(realm: CurrentRealm) -> Routes:
    """The page's files and ``/realm.json``."""

    def configuration(exchange: Exchange) -> Response:
        config = MessageToDict(Config(realms=[realm()]), preserving_proto_field_name=True)
        return Response(200, JSON, dumps(config).encode())

    files = {path: {b"GET": file.answer} for path, file in page_files().items()}
    return {**files, b"/realm.json": {b"GET": configuration}}
