"""How much of a connection one HTTP client may have: sizes in bytes, times in seconds, each with its reason.

Deadlines are kept by one sweep over all connections each `SWEEP_SECONDS`, so they are exact to about two sweeps. That
costs a request nothing but an assignment, where a timer of its own would cost as much as a small answer.
"""

from __future__ import annotations

HEADER_BYTES = 16 * 1024
"""The request line and all headers together: what most servers take. Ours needs a few hundred bytes."""

HEADER_COUNT = 64
"""Headers of one request; browsers and proxies send twenty to thirty."""

LENGTH_DIGITS = 18
"""Of a Content-Length: more than any disk holds, and fewer than Python refuses to read as a number."""

HEADER_SECONDS = 10.0
"""From the first byte of a request to the end of its headers, and for a new connection from its opening, so that it
spans the TLS handshake: a client in earnest needs one or two seconds on a slow link."""

BODY_SECONDS = 30.0
"""From the end of the headers to the end of the body: 64 KiB at 20 kbit/s, however the client spreads it."""

IDLE_SECONDS = 60.0
"""Between an answer and the next request. Longer than most load balancers keep an idle connection themselves."""

WRITE_SECONDS = 30.0
"""How long a client may leave an answer unread, once the buffers are full."""

CLOSE_SECONDS = 3.0
"""For the client to acknowledge the end of the connection; then it is cut."""

SWEEP_SECONDS = 1.0
"""Between two looks at all deadlines."""

QUIET_SECONDS = 0.25
"""When stopping: how long an idle connection is kept for a request that may already be on its way."""

GRACE_SECONDS = 10.0
"""When stopping: how long requests under way may take to be answered, unless the service is told otherwise."""
