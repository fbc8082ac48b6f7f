"""The original implementation's inputs and outputs, for tests that compare with it.

They live outside the project: in the folder that the environment variable CONAME_VECTORS names, or beside the
checkout in ``shared/vectors``. Without them such tests skip, saying so; where CI is set, they fail instead.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from unittest import SkipTest

FOLDER = Path(os.environ.get("CONAME_VECTORS") or Path(__file__).parents[2] / "shared" / "vectors")


def load(name: str) -> Any:
    """The parsed content of the vector file `name` (without ``.json``)."""
    path = FOLDER / f"{name}.json"
    if not path.exists():
        if os.environ.get("CI"):
            raise AssertionError(f"{path} is missing; set CONAME_VECTORS to the folder of the test vectors")
        raise SkipTest(f"no test vectors at {path}; set CONAME_VECTORS to their folder")
    return json.loads(path.read_text())
