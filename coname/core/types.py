"""Names for what would otherwise be bare bytes and integers."""

from __future__ import annotations

from typing import NewType

Index = NewType("Index", bytes)
"""Where a user's entry lives in the tree: 32 bytes, the output of the realm's VRF."""

EntryHash = NewType("EntryHash", bytes)
"""H(entry, 32): the value that the tree holds at an index. 32 bytes."""

Epoch = NewType("Epoch", int)
"""The number of an epoch, from 1; 0 where no epoch has been closed."""

KeyId = NewType("KeyId", int)
"""What a signature is filed under: 64 bits, by convention the hash of the public key."""
