"""The system's randomness and what else differs between two runs of the same seed, held fixed while one runs."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from coname.keyserver import replica
from coname.verifier import replay
from tests.simulation.realm import known_signatures


def _refused(size: int) -> bytes:
    raise AssertionError("something in the simulation asked the system for randomness")


@contextmanager
def fixed(chance: random.Random, checkpoint_bytes: int) -> Iterator[None]:
    """Draw identities from `chance`; nobody gets anything from the system itself.

    :param checkpoint_bytes: after how much log a replica syncs its database.
    """
    with ExitStack() as stack:
        stack.enter_context(patch.object(secrets, "randbits", chance.getrandbits))
        stack.enter_context(patch.object(os, "urandom", _refused))
        stack.enter_context(patch.object(replica, "CHECKPOINT_BYTES", checkpoint_bytes))
        stack.enter_context(patch.object(replay, "verify", known_signatures))
        yield
