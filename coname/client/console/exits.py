"""The exit statuses of ``coname``, and which error leads to which. Scripts rely on them: they do not change.

======  =======================================================================================
status  meaning
======  =======================================================================================
0       done: proved present, registered, updated, verified
1       proved absent: the address has no entry, or its entry has no key of the name asked for;
        of ``judge``: nothing is proven
2       usage: options, configuration, files
3       the proof does not verify, or contradicts what was proved before
4       not reachable, or not able to answer now: try again
5       refused, by the server or by what it proves (the address is registered already)
======  =======================================================================================

130 means interrupted, 141 that nobody wanted to read the output, and 70 a mistake in the program itself. For all of
them Python and its libraries have the status 1, which would read as "proved absent": `coname.client.cli.main` and
`coname.client.console.words` see to it that it never gets out.
"""

from __future__ import annotations

from enum import IntEnum

from coname import errors


class Exit(IntEnum):
    """An exit status."""

    DONE = 0
    ABSENT = 1
    UNPROVEN = 1  # of ``judge``
    USAGE = 2
    INVALID = 3
    UNREACHABLE = 4
    REFUSED = 5
    CRASHED = 70  # EX_SOFTWARE in sysexits.h
    INTERRUPTED = 130  # 128 + SIGINT, as shells have it
    BROKEN_PIPE = 141  # 128 + SIGPIPE


class UsageMistake(errors.ConameError):
    """The command line asks for something that cannot be."""

    code = "usage"


_BY_CLASS: tuple[tuple[type[errors.ConameError], Exit], ...] = (
    (UsageMistake, Exit.USAGE),
    (errors.Misconfigured, Exit.USAGE),
    (errors.Corrupt, Exit.USAGE),  # of files here: what a server says of its own is `ServerFailed`
    (errors.ProofInvalid, Exit.INVALID),
    (errors.Unreachable, Exit.UNREACHABLE),
    (errors.Unavailable, Exit.UNREACHABLE),
    (errors.TimedOut, Exit.UNREACHABLE),
)


def status_of(error: errors.ConameError) -> Exit:
    """The exit status for `error`; what is not told apart was refused by the server."""
    return next((status for kind, status in _BY_CLASS if isinstance(error, kind)), Exit.REFUSED)
