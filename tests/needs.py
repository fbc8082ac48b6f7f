"""Programs of the system that some tests need. Without one, a test skips and says so; where CI is set, it fails."""

from __future__ import annotations

import os
import shutil
from unittest import SkipTest

PACKAGES = {
    "gpg": "gnupg",
    "dirmngr": "dirmngr",
    "curl": "curl",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "openssl": "openssl",
    "etcd": "etcd-server",
    "ip": "iproute2",
    "tc": "iproute2",
}
"""The Debian package that each is in; ``.ci/run`` installs them."""


def needs(*programs: str) -> None:
    """Skip the test that calls this, unless all of `programs` are installed."""
    missing = [program for program in programs if shutil.which(program) is None]
    if not missing:
        return
    packages = sorted({PACKAGES.get(program, program) for program in missing})
    reason = f"{', '.join(missing)} not installed: apt-get install {' '.join(packages)}"
    if os.environ.get("CI"):
        raise AssertionError(reason)
    raise SkipTest(reason)
