"""The command ``coname``: the group of its commands, and the way out of the process.

A command's module is imported when the command is used, so that each is quick to start and needs only what it needs.
"""

from __future__ import annotations

import os
import sys
import traceback

import click

from coname import __version__
from coname.client.console.exits import Exit
from coname.client.console.lazy_group import LazyGroup

COMMANDS = {
    "lookup": ("coname.client.commands.lookup:lookup", "Look up the keys of an address, and verify them."),
    "register": ("coname.client.commands.register:register", "Register an address, publishing its first keys."),
    "update": ("coname.client.commands.update:update", "Change the keys of an address."),
    "verify-proof": ("coname.client.commands.verify_proof:verify_proof", "Verify a stored answer to a lookup."),
    "judge": ("coname.client.commands.judge:judge", "Say whom an evidence bundle convicts of what."),
    "verifier": ("coname.client.commands.verifier:verifier", "Become an independent verifier, or admit one."),
    "cluster": ("coname.operating.cluster:cluster", "See, add and remove the replicas of a realm."),
    "init": ("coname.client.commands.init:init", "Make the keys and configurations of a new realm."),
    "certify": ("coname.client.commands.certify:certify", "Let the replicas of an older realm know each other."),
    "demo": ("coname.client.commands.demo:demo", "See it all: start a keyserver here, register, look up."),
}
"""Each command: where it is, and what the overview says of it."""


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="coname")
def cli() -> None:
    """The keys of people, with proof: look up, register and change entries of a coname key directory."""


def main() -> None:
    """The entry point. Exits with one of `Exit`, whatever happens: a crash must not look like "proved absent"."""
    sys.exit(_flushed(_run()))


def _run() -> int:
    try:
        return cli.main(standalone_mode=False) or Exit.DONE
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except Exception:  # the last resort: anything not foreseen, told in full
        traceback.print_exc()
        return Exit.CRASHED


def _flushed(status: int) -> int:
    """`status`, unless the output cannot be delivered: Python would find out too late, and say so in its own way."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.BROKEN_PIPE
    return status


if __name__ == "__main__":
    main()
