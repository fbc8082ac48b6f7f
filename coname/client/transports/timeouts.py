"""How long the client waits for an answer."""

LOOKUP_SECONDS = 15.0
"""A lookup takes milliseconds; most of this is for slow networks and lost packets."""

UPDATE_SECONDS = 45.0
"""An update waits for an epoch and its signatures. Longer than the 30 s after which a server usually gives up by
itself, so that its own, clearer answer comes first."""
