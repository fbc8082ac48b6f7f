"""The keys by which an owner changes their entry, and the update that is on its way.

Rules:

1. A key is stored before anything that names it is sent, and is dropped only when a verified answer shows an entry that
   does without it and has at least the version of everything that was ever sent: only then nothing that names the key
   can come into force any more. Whatever was lost, refused or held back in between, a key that the directory may ask
   for is still here.
2. The update on its way is stored too, byte for byte: sending the very same one again is always safe, whether or not
   the first one arrived. Its version is the highest that was ever sent. A refusal does not end it: whoever refuses an
   update may still deliver it.
3. Which of the keys are needed is read from the entry in force, not remembered.
4. An identity belongs to one address in one realm. The same address in another realm has keys of its own.

Nothing here prints a secret: `repr` shows key ids only.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from google.protobuf.message import DecodeError

from coname.client import files
from coname.core.policies import policy_satisfied
from coname.core.signatures import SigningKey
from coname.errors import Corrupt
from coname.messages.client_pb2 import AuthorizationPolicy, Entry, Profile, UpdateRequest

KIND = "identity"
"""What the file says it is."""


@dataclass(frozen=True)
class Pending:
    """An update that was about to be sent and has not been seen in force.

    :ivar request: with the signed entry and the profile, and nothing else.
    :ivar rotates: whether it replaces the signing key.
    """

    request: UpdateRequest
    rotates: bool = False

    @property
    def entry(self) -> Entry:
        """The entry that it puts in force."""
        return Entry.FromString(self.request.update.new_entry)

    @property
    def profile_keys(self) -> dict[str, bytes]:
        """The keys that its profile publishes."""
        return dict(Profile.FromString(self.request.profile).keys)


@dataclass(frozen=True)
class Identity:
    """The owner of one address.

    :ivar address: in canonical form.
    :ivar realm: see `coname.client.state.realm_name`.
    :ivar keys: secret signing keys, the newest last; at least one.
    :ivar pending: the newest update that was sent and may still come into force, if there is one.
    """

    address: str
    realm: str
    keys: tuple[SigningKey, ...]
    pending: Pending | None = None

    def owns(self, policy: AuthorizationPolicy) -> bool:
        """Whether these keys alone satisfy `policy`."""
        probe = b"coname: do these keys satisfy the policy?"
        return policy_satisfied(policy, probe, self.sign([policy], probe))

    def sign(self, policies: Iterable[AuthorizationPolicy], message: bytes) -> dict[int, bytes]:
        """Signatures over `message` by each key that one of `policies` names, filed under the ids found there."""
        by_public = {key.public: key for key in self.keys}
        return {
            identifier: by_public[public.ed25519].sign(message)
            for policy in policies
            for identifier, public in policy.public_keys.items()
            if public.ed25519 in by_public
        }

    def settled(self, entry: Entry) -> Identity:
        """This identity, now that `entry` has been proved to be in force (rule 1)."""
        if self.pending is None or entry.version < self.pending.entry.version:
            return self
        named = {public.ed25519 for public in entry.update_policy.public_keys.values()}
        needed = tuple(key for key in self.keys if key.public in named)
        return replace(self, pending=None, keys=needed or self.keys)

    def with_new_key(self, generate: Callable[[], SigningKey] = SigningKey.generate) -> Identity:
        """This identity with one more key, the newest."""
        return replace(self, keys=(*self.keys, generate()))

    def with_pending(self, pending: Pending) -> Identity:
        """This identity, about to send `pending`."""
        return replace(self, pending=pending)


def encode(identity: Identity) -> bytes:
    """What is kept in the identity file. Secret."""
    pending = identity.pending
    content = {
        "address": identity.address,
        "realm": identity.realm,
        "keys": [{"id": str(key.key_id), "ed25519_secret": _b64(key.secret)} for key in identity.keys],
        "pending": pending and {"update": _b64(pending.request.SerializeToString()), "rotates": pending.rotates},
    }
    return files.seal(KIND, content)


def decode(data: bytes, source: object) -> Identity:
    """What `encode` was given.

    :param source: where `data` came from, for the message.
    :raises Corrupt: it is damaged. The message never holds any of the content.
    """
    content = files.unseal(KIND, data, source)
    try:
        keys = tuple(SigningKey.from_secret(_unb64(key["ed25519_secret"])) for key in content["keys"])
        identity = Identity(str(content["address"]), str(content["realm"]), keys, _decode_pending(content["pending"]))
    except (KeyError, TypeError, ValueError, DecodeError):
        # Without the cause: its text may hold a piece of the secret.
        raise Corrupt(f"{source} is damaged: it is not the identity that coname wrote") from None
    if not keys:
        raise Corrupt(f"{source} is damaged: it holds no key")
    return identity


def _decode_pending(content: dict[str, object] | None) -> Pending | None:
    if content is None:
        return None
    pending = Pending(UpdateRequest.FromString(_unb64(str(content["update"]))), bool(content["rotates"]))
    _ = pending.entry, pending.profile_keys  # raise now, not later, if they do not parse
    return pending


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _unb64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
