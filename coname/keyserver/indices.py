"""The index of a user id and the proof of it: computed once, kept with whoever registers."""

from __future__ import annotations

from coname.core.types import Index
from coname.core.vrf import VrfSuite
from coname.interfaces import IKeyValueStore
from coname.keyserver import tables

_KEPT = 10_000  # indices of user ids that are not registered (yet): 2 MB


class Indices:
    """Finds the index of any user id, registered or not.

    :param secret: the realm's VRF secret.
    """

    def __init__(self, store: IKeyValueStore, suite: VrfSuite, secret: bytes) -> None:
        self._store = store
        self._suite = suite
        self._secret = secret
        self._computed: dict[str, tuple[Index, bytes]] = {}

    def find(self, user_id: str) -> tuple[Index, bytes]:
        """The index and its proof: a few microseconds, or some hundreds for a user id seen for the first time."""
        found = tables.read_user(self._store, user_id) or self._computed.get(user_id)
        if found is None:
            found = self._suite.prove(self._secret, user_id.encode())
            if len(self._computed) >= _KEPT:
                self._computed.clear()
            self._computed[user_id] = found
        return found
