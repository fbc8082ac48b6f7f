"""Whose ratifications a realm takes besides its replicas', and what such a ratification must look like.

With a list of verifiers in the configuration, only they are verifiers, each with its public keys. A realm that was
taken over from the original has no such list, and a verifier is then whoever holds a certificate of the realm's
authority. Three things are still asked:

1. its id is none of the replicas' own;
2. if the realm's verification_policy knows a key of that id, the signature verifies under it;
3. otherwise it at least has a signature's size. Nobody here can check more; clients that want that signer can.

The state machine asks the same questions as the edge: the answers depend on nothing but the configuration, which all
replicas share.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from coname.core.signatures import SIGNATURE_SIZE, Verify
from coname.core.types import KeyId
from coname.errors import HeadDiffers, InvalidRequest, NotPermitted, Refused
from coname.messages.client_pb2 import AuthorizationPolicy, SignedEpochHead, TimestampedEpochHead

if TYPE_CHECKING:
    from coname.keyserver.members import Members

MOST_WRAPPING = 64
"""Bytes that a TimestampedEpochHead may have besides the EpochHead: a time and two lengths take 32 at most. What comes
on top would go into every answer."""


class Verifiers:
    """Who may sign as a verifier.

    :param listed: the public keys of each verifier of the configuration; empty: there is no such list.
    :param replicas: the ids that replicas' signatures are filed under.
    :param policy: the realm's verification_policy.
    """

    def __init__(
        self,
        listed: Mapping[int, Sequence[bytes]],
        replicas: Collection[int],
        policy: AuthorizationPolicy,
        verify: Verify,
    ) -> None:
        self._listed = listed
        self._replicas = frozenset(replicas)
        self._policy = policy
        self._verify = verify

    @property
    def ids(self) -> list[KeyId]:
        """The verifiers of the configuration; none if it has no list."""
        return [KeyId(verifier) for verifier in self._listed]

    def may_sign(self, signer: KeyId, replicas: Container[int]) -> bool:
        """Whether that is a verifier whose signatures this realm takes.

        :param replicas: the ids of all replicas that there are or ever were, besides the configuration's.
        """
        if signer in self._replicas or signer in replicas:
            return False
        return not self._listed or signer in self._listed

    def check_replica(self, keys: Mapping[int, bytes]) -> None:
        """Check that a new replica is no verifier: one signature would count as that of two.

        :param keys: the replica's public keys, by what their signatures are filed under.
        :raises Refused: an id or a key of it is a verifier's.
        """
        asked = {signer: key for signer, key in self._policy.public_keys.items() if signer not in self._replicas}
        taken = {key.ed25519 for key in asked.values()}.union(*self._listed.values())
        for signer, key in keys.items():
            if signer in asked or signer in self._listed or key in taken:
                raise Refused(f"the key of the replica, or the id {signer:x} of it, is a verifier's")

    def check_known(self, verifier: KeyId, replicas: Container[int]) -> None:
        """:raises NotPermitted: this realm takes no signature of that verifier.

        :param replicas: as above.
        """
        if verifier in self._replicas or verifier in replicas:
            raise NotPermitted(f"{verifier:x} is the id of a replica, not of a verifier")
        if self._listed and verifier not in self._listed:
            raise NotPermitted(f"verifier {verifier:x} is not among the verifiers in this realm's configuration")

    def check_signature(self, verifier: KeyId, signed: SignedEpochHead) -> None:
        """:raises InvalidRequest: the verifier's signature on the head does not verify."""
        signature = signed.signatures[verifier]
        if len(signature) != SIGNATURE_SIZE:
            raise InvalidRequest(f"the signature has {len(signature)} bytes, not {SIGNATURE_SIZE}")
        keys = self._keys(verifier)
        if keys and not any(self._verify(key, signed.head, signature) for key in keys):
            raise InvalidRequest(f"the signature does not verify under a key that this realm knows of {verifier:x}")

    def _keys(self, verifier: KeyId) -> Sequence[bytes]:
        if self._listed:
            return self._listed[verifier]
        if verifier in self._policy.public_keys:
            return [self._policy.public_keys[verifier].ed25519]
        return ()


class KnownSigners:
    """Whose signatures an update may wait for: those of the replicas that sign now, of the realm's verification_policy
    and of its verifiers. Where there is no list of verifiers, a verifier is known once it has signed anything.

    :param members: the replicas; who was one and is none any more signs nothing.
    :param configured: the ids of others that the configuration names.
    :param has_signed: whether that signer ever signed; None: the configuration names all there are.
    """

    def __init__(self, members: Members, configured: Iterable[int], has_signed: Callable[[KeyId], bool] | None) -> None:
        self._members = members
        self._configured = frozenset(configured)
        self._has_signed = has_signed

    def __contains__(self, signer: object) -> bool:
        """Whether that is one of them."""
        if signer in self._members.ever:
            return signer in self._members.signing
        if signer in self._configured:
            return True
        return isinstance(signer, int) and self._has_signed is not None and self._has_signed(KeyId(signer))


def sole_signer(signed: SignedEpochHead) -> KeyId:
    """Who signed.

    :raises InvalidRequest: it is not exactly one.
    """
    if len(signed.signatures) != 1:
        raise InvalidRequest(
            f"a ratification has exactly one signature, its verifier's; this has {len(signed.signatures)}"
        )
    return KeyId(next(iter(signed.signatures)))


def check_head(signed: SignedEpochHead, epoch_head: bytes) -> None:
    """Check that what was signed is `epoch_head`, byte for byte, with a time and nothing else.

    :raises HeadDiffers: it is another head.
    :raises InvalidRequest: there is more in it.
    """
    if TimestampedEpochHead.FromString(signed.head).head != epoch_head:
        raise HeadDiffers("the signed epoch head is not the one that this replica has for the epoch")
    if len(signed.head) > len(epoch_head) + MOST_WRAPPING:
        raise InvalidRequest("the signed head holds more than the epoch head and a time")
