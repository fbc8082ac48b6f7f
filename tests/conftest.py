"""Before anything imports ``twisted.internet.reactor``: install the asyncio reactor, which gRPC shares."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from twisted.internet import asyncioreactor

asyncioreactor.install()

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background jobs ignore it, and so would every process that a test starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def scratch_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """trial's ``mktemp`` makes folders in the working directory: let that be one that goes away."""
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("cwd"))
    yield
    os.chdir(before)
