"""What an engine of the log can tell the operator, if it has anything to tell."""

from __future__ import annotations

from collections.abc import Mapping

from zope.interface import Interface


class ILogStatus(Interface):
    """A log that has more to say than whether it leads."""

    def status() -> Mapping[str, object]:
        """Facts about it as it stands, by name, in the order to show them."""
