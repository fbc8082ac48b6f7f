"""What a VRF suite is, for those who use one without asking which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from coname.core.types import Index

STEP = "index"
"""The step that a failed verification names."""

PUBLIC_KEY_SIZE = 32
INDEX_SIZE = 32


class VrfSuite(Protocol):
    """A verifiable random function.

    The suites have no state: any thread may use them, and libsodium's calls, which take nearly all of the time, let
    other threads run.

    :ivar name: as `coname init --vrf-suite` takes it.
    :ivar trustworthy: whether a proof excludes that the keyserver proves another index for the same user id.
    :ivar proof_size: in bytes.
    :ivar secret_size: of the secrets that `generate` makes, in bytes.
    """

    name: str
    trustworthy: bool
    proof_size: int
    secret_size: int

    def generate(self) -> bytes:
        """A new secret, from the system's randomness."""

    def public_key(self, secret: bytes) -> bytes:
        """The public key (32 bytes) of a secret.

        :raises ValueError: the secret is malformed.
        """

    def prove(self, secret: bytes, user_id: bytes) -> tuple[Index, bytes]:
        """The index of `user_id`, and its proof. The same each time.

        :raises ValueError: the secret is malformed.
        """

    def verify(self, public: bytes, user_id: bytes, index: bytes, proof: bytes) -> None:
        """Check that `index` is the index of `user_id` under the public key `public`.

        :raises ProofInvalid: step "index": it is not, or anything is malformed.
        """
