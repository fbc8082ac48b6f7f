"""The client: a library for programs on Twisted and on asyncio, and the ``coname`` command.

The library, in a program on Twisted::

    import txaio
    txaio.use_twisted()
    from coname.client import Client, FolderRecords, PinnedState
    from coname.client.transports.connecting import connect_https
    from coname.config import load_client

    config = load_client(path)
    connect = lambda realm: connect_https(realm, path.parent, reactor)
    client = Client(config, connect, PinnedState(FolderRecords(folder)))
    deferred = client.lookup("alice@example.com")     # fires with a coname.client.Result

and on asyncio: ``txaio.use_asyncio()``, `connect_grpc`, and ``await client.lookup(…)``.

Importing this package imports neither Twisted nor asyncio's event loop; the transports do. Each name is imported when
it is first used, so that ``coname --help`` need not wait for what it does not use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coname.client.client import Client
    from coname.client.identity import Identity
    from coname.client.identity_store import IdentityFile, MemoryIdentity
    from coname.client.planning import AlreadyRegistered, Change, NotOwner
    from coname.client.records import FolderRecords, MemoryRecords
    from coname.client.results import Outcome, Result
    from coname.client.state import PinnedState

__all__ = [
    "AlreadyRegistered",
    "Change",
    "Client",
    "FolderRecords",
    "Identity",
    "IdentityFile",
    "MemoryIdentity",
    "MemoryRecords",
    "NotOwner",
    "Outcome",
    "PinnedState",
    "Result",
]

_MODULES = {
    "client": ("Client",),
    "identity": ("Identity",),
    "identity_store": ("IdentityFile", "MemoryIdentity"),
    "planning": ("AlreadyRegistered", "Change", "NotOwner"),
    "records": ("FolderRecords", "MemoryRecords"),
    "results": ("Outcome", "Result"),
    "state": ("PinnedState",),
}
"""Which module each of the names is in."""

_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """One of the names above, imported now (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
