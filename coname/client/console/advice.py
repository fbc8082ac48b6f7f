"""What to do about an error: a sentence or two after it, or nothing where the error says it all."""

from __future__ import annotations

from coname import errors
from coname.client.planning import NotOwner

OF_STORED_PROOFS = {
    "form": "This is no stored answer. `coname lookup ADDRESS --json > FILE` stores one.",
    "user": "It is the answer to another question.",
    "freshness": (
        "An answer proves what was so when it was given. If that is what you want to know, say when: --at TIME."
    ),
}
"""By the step that failed, where no server was asked."""

OF_ANSWERS = {
    "freshness": (
        "Do not use this answer. The server has closed no epoch for too long, somebody is holding newer ones back, or "
        "the clock of this machine is wrong."
    ),
}
"""By the step that failed, where a server has just answered."""

OTHER_PROOF = "It proves nothing: it was changed, or is from another realm than the one in the configuration."
OTHER_ANSWER = "Do not use what the server says. It, or somebody on the way to it, may be lying: ask its operator."


def advice(error: errors.ConameError, stored: bool = False, pending: bool = False) -> str:
    """What to do about `error`.

    :param stored: it is about a stored proof; no server was asked.
    :param pending: an update is on its way, or may be.
    """
    if isinstance(error, errors.ProofInvalid):
        known, otherwise = (OF_STORED_PROOFS, OTHER_PROOF) if stored else (OF_ANSWERS, OTHER_ANSWER)
        return known.get(error.step, otherwise)
    if isinstance(error, errors.TimedOut | errors.Unavailable | errors.Unreachable):
        return "Nothing is lost: the same command can be given again."
    if isinstance(error, NotOwner):
        return "Only the keys that the entry names can change it: --identity FILE names the file that holds them."
    if isinstance(error, errors.Corrupt):
        return (
            "Restore the file from a backup. Remembered epoch heads may also be removed, which begins the memory anew; "
            "an identity may not: it holds the only keys that can change the entry."
        )
    if isinstance(error, errors.QuorumUnmet) and not pending:
        return "Whoever has not signed is behind, or stopped. Try again in a while, and ask those that are named."
    if pending and isinstance(error, errors.RegistrationRefused):
        return "The signing key and the entry are kept: given again, the command goes on with them."
    if pending and isinstance(error, errors.Refused | errors.InvalidRequest | errors.NotFound):
        return (
            "The update is kept, as the server may still bring it into force: give the same command again, or another "
            "update, which takes its place."
        )
    return ""
