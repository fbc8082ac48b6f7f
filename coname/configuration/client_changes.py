"""A client's configuration file, one realm of which is to say something else.

Only the fields that differ are touched, under the names that they have in the file; everything else stays as somebody
wrote it. The old file is kept, and the new one is checked as whoever reads it will.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict

from coname.configuration import documents
from coname.configuration.check_client import check_client
from coname.configuration.findings import Findings
from coname.configuration.kinds import CLIENT, check_kind
from coname.configuration.parse import fill
from coname.configuration.replacing import replace_files
from coname.core.text import quoted
from coname.errors import Misconfigured
from coname.messages.config_pb2 import Config, RealmConfig

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class ClientFile:
    """A client's configuration as it was read.

    :ivar data: the file's content. :ivar config: what it means, without mistakes.
    """

    path: Path
    data: bytes
    config: Config

    def position(self, name: str) -> int:
        """Which of its realms is meant.

        :param name: empty for the only one.
        :raises Misconfigured: there is none of that name, or several to choose from.
        """
        names = [realm.RealmName for realm in self.config.realms]
        if name in names:
            return names.index(name)
        if not name and len(names) == 1:
            return 0
        known = ", ".join(map(quoted, names))
        wanted = f"no realm {quoted(name)}" if name else "several realms: name one with --realm"
        raise Misconfigured([f"{self.path} has {wanted}; its realms: {known}"])


def read(path: Path) -> ClientFile:
    """The file `path`, or the one that it is a link to.

    :raises Misconfigured: with every mistake in it.
    """
    path = path.resolve()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Misconfigured([f"{path}: {error.strerror}"]) from error
    return ClientFile(path, data, _meaning(path, documents.parse(data, toml=_is_toml(path), name=str(path))))


def differing(before: RealmConfig, after: RealmConfig) -> list[str]:
    """The names of the fields in which they differ, in the order of the protocol."""
    texts = [MessageToDict(each, preserving_proto_field_name=True) for each in (before, after)]
    names = [each.name for each in RealmConfig.DESCRIPTOR.fields]
    return [name for name in names if texts[0].get(name) != texts[1].get(name)]


def values(realm: RealmConfig, names: Sequence[str]) -> dict[str, Any]:
    """The fields `names` of `realm`, as JSON has them; None for what is absent."""
    document = MessageToDict(realm, preserving_proto_field_name=True)
    return {name: document.get(name) for name in names}


def write(file: ClientFile, position: int, after: RealmConfig) -> Path | None:
    """Let the realm at `position` be `after`, in one step. Returns where the old file is kept; None if nothing differs.

    :raises Misconfigured: it cannot be written, or would not be read; nothing was changed.
    """
    names = differing(file.config.realms[position], after)
    if not names:
        return None
    check_writable(file.path)
    document = documents.parse(file.data, toml=False, name=str(file.path))
    place = document["realms"][position]
    for name, value in values(after, names).items():
        field = RealmConfig.DESCRIPTOR.fields_by_name[name]
        present = field.json_name if field.json_name in place else name
        place.pop(present, None) if value is None else place.update({present: value})
    if _meaning(file.path, document).realms[position] != after:
        raise Misconfigured([f"{file.path}: what was found cannot be written into it; change it by hand"])
    if file.path.read_bytes() != file.data:
        raise Misconfigured([f"{file.path} was changed in the meantime; nothing was written"])
    (backup,) = replace_files({file.path: documents.to_json(document)})
    return backup


def check_writable(path: Path) -> None:
    """:raises Misconfigured: the file is one that is not written here."""
    if _is_toml(path):
        raise Misconfigured([f"{path}: TOML is not written here; see what is to change (--dry-run), and change it"])


def _is_toml(path: Path) -> bool:
    return path.suffix == ".toml"


def _meaning(path: Path, document: dict[str, Any]) -> Config:
    check_kind(document, CLIENT, path)
    findings, config = Findings(), Config()
    fill(config, document, findings)
    check_client(config, findings)
    if findings.mistakes:
        raise Misconfigured([f"{path}: {mistake}" for mistake in findings.mistakes])
    return config
