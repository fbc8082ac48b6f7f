"""Folders that end with the test."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase


def new_folder(case: SynchronousTestCase) -> Path:
    """An empty folder, removed after the test."""
    folder = Path(tempfile.mkdtemp(prefix="coname-client-"))
    case.addCleanup(shutil.rmtree, folder)
    return folder
