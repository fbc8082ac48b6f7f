"""The files of a new replica's console: its SSH host key, and who may log in."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from coname.configuration.blueprint import AUTHORIZED_KEYS_FILE, HOST_KEY_FILE
from coname.configuration.folder import NewFile


def console_files(authorized: bytes, place: str = "") -> tuple[NewFile, ...]:
    """With a new host key.

    :param authorized: who may log in, in the form of ~/.ssh/authorized_keys.
    :param place: the replica's folder with a slash at its end; empty where the files are relative to that.
    """
    host_key = ed25519.Ed25519PrivateKey.generate()
    private = host_key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = host_key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b"\n"
    return (
        NewFile(f"{place}{HOST_KEY_FILE}", private, "the console's SSH host key", secret=True),
        NewFile(f"{place}{HOST_KEY_FILE}.pub", public, "its public half, for known_hosts"),
        NewFile(f"{place}{AUTHORIZED_KEYS_FILE}", authorized, "who may log in to the console", secret=True),
    )
