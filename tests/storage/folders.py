"""Folders for tests, which are gone afterwards."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase


def new_path(case: SynchronousTestCase) -> Path:
    """A path where nothing is yet, in a folder that is deleted after the test."""
    folder = tempfile.mkdtemp(prefix="coname-test-")
    case.addCleanup(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder) / "database"
