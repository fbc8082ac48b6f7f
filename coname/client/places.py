"""Where the client keeps its files, after the XDG base directory specification.

========================  ==========================================  =============================
what                      default                                     overridden by
========================  ==========================================  =============================
configuration             ``$XDG_CONFIG_HOME/coname/config.json``     ``--config``, CONAME_CONFIG
remembered epoch heads    ``$XDG_STATE_HOME/coname/``                 ``--state``, CONAME_STATE
identities                ``$XDG_DATA_HOME/coname/identities/``       ``--identity``, CONAME_IDENTITY
========================  ==========================================  =============================
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from coname.core.hashes import shake

LONGEST_NAME = 150
"""Characters of an address that go into a file name; file systems take 255, locks and temporary files add some."""


def config_file(environ: Mapping[str, str] = os.environ) -> Path:
    """The client's configuration where none is named."""
    return _base(environ, "XDG_CONFIG_HOME", ".config") / "config.json"


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of what the client remembers between runs: losing it loses protection, not access."""
    return _base(environ, "XDG_STATE_HOME", ".local/state")


def identity_file(realm: str, address: str, environ: Mapping[str, str] = os.environ) -> Path:
    """The file with the signing keys of `address` (canonical) in a realm: losing it loses the address.

    :param realm: see `coname.client.state.realm_name`.
    """
    name = quote(address, safe="@+=,")
    if len(name) > LONGEST_NAME:
        name = f"{name[:LONGEST_NAME]}-{shake(address.encode(), 8).hex()}"
    return _base(environ, "XDG_DATA_HOME", ".local/share") / "identities" / realm / f"{name}.json"


def _base(environ: Mapping[str, str], variable: str, default: str) -> Path:
    """The specification has relative paths in its variables ignored."""
    configured = environ.get(variable, "")
    folder = Path(configured) if configured.startswith("/") else Path(environ.get("HOME") or Path.home()) / default
    return folder / "coname"
