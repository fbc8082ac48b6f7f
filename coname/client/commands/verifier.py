"""``coname verifier``: becoming a verifier, admitting one, and letting one sign again."""

from __future__ import annotations

import click

from coname.client.console.lazy_group import LazyGroup

COMMANDS = {
    "enroll": ("coname.client.commands.verifier_enroll:enroll", "Make a verifier's keys, and a request to a provider."),
    "admit": ("coname.client.commands.verifier_admit:admit", "Answer a request, as the provider."),
    "accept": ("coname.client.commands.verifier_enroll:accept", "Make a configuration of the provider's answer."),
    "resume": ("coname.client.commands.verifier_resume:resume", "Let a verifier sign again after a violation."),
}
"""Each command: where it is, and what the overview says of it; in the order in which they are used."""


@click.group(cls=LazyGroup, lazy=COMMANDS)
def verifier() -> None:
    """Independent verifiers, who co-sign what a provider does: become one, or admit one.

    \b
    To run a verifier:
      1. coname verifier enroll
      2. send the request to the provider, who calls coname verifier admit
      3. coname verifier accept, with the answer
      4. twistd coname-verifier
    """
