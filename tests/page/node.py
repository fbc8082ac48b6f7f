"""Node.js, and the page's sources with the packages that their lock file names."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.needs import needs_node_modules

PAGE = Path(__file__).parents[2] / "page"


def needs_packages() -> None:
    """Skip the test that calls this, unless node and the page's packages are installed; where CI is set, fail."""
    needs_node_modules(PAGE)


class Refused(Exception):
    """What the JavaScript side threw.

    :ivar code: as in `coname.errors`; "crash" if it is no error of its own.
    :ivar step: of a verification.
    """

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(answer["message"])
        self.code: str = answer["error"]
        self.step: str | None = answer.get("step")


class Bridge:
    """A node process that does what it is asked, one request after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", str(PAGE / "test" / "bridge.js")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, action: str, **arguments: Any) -> Any:
        """What `action` gives.

        :raises Refused: it threw.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": action, **arguments}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise Refused(answer)
        return answer["value"]

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=20)


class BridgeCase(SynchronousTestCase):
    """One bridge for all tests of a class."""

    bridge: Bridge

    @classmethod
    def setUpClass(cls) -> None:
        needs_packages()
        cls.bridge = Bridge()
        cls.addClassCleanup(cls.bridge.close)
