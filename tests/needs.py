"""Programs of the system that some tests need. Without one, a test skips and says so; where CI is set, it fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from unittest import SkipTest

PACKAGES = {
    "gpg": "gnupg",
    "dirmngr": "dirmngr",
    "curl": "curl",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "openssl": "openssl",
    "etcd": "etcd-server",
    "node": "nodejs",
    "npm": "npm",
    "chromium": "chromium",
    "ip": "iproute2",
    "tc": "iproute2",
}
"""The Debian package that each is in; ``.ci/run`` installs them."""


PERL_PACKAGES = {"Mail::DKIM": "libmail-dkim-perl"}
"""Modules of Perl, and their packages."""


def needs(*programs: str) -> None:
    """Skip the test that calls this, unless all of `programs` are installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        _skip(missing, sorted({PACKAGES.get(program, program) for program in missing}))


def needs_perl(*modules: str) -> None:
    """The same for modules of Perl."""
    needs("perl")
    missing = [name for name in modules if subprocess.run(["perl", f"-M{name}", "-e1"], capture_output=True).returncode]
    if missing:
        _skip(missing, sorted({PERL_PACKAGES[name] for name in missing}))


def needs_node_modules(folder: Path) -> None:
    """The same for the packages that `folder`'s package.json names."""
    needs("node")
    if not (folder / "node_modules").is_dir():
        _skip_for(f"npm packages not installed: npm ci --prefix {folder}")


def _skip(missing: list[str], packages: list[str]) -> None:
    _skip_for(f"{', '.join(missing)} not installed: apt-get install {' '.join(packages)}")


def _skip_for(reason: str) -> None:
    if os.environ.get("CI"):
        raise AssertionError(reason)
    raise SkipTest(reason)
