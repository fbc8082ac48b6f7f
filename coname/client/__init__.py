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

Importing this package imports neither Twisted nor asyncio's event loop; the transports do.
"""

from coname.client.client import Client
from coname.client.identity import Identity
from coname.client.identity_store import IdentityFile, MemoryIdentity
from coname.client.planning import AlreadyRegistered, Change, NotOwner
from coname.client.results import Outcome, Result
from coname.client.state import FolderRecords, MemoryRecords, PinnedState

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
