"""Every error that may reach somebody, by who must act on it.

Each class carries a stable ``code``, which programs match, and the two numbers that the fronts answer with. The fronts
convert an error once, at their edge, with nothing but these three; no other place maps errors.

============================  =====================================================
`InvalidRequest`              the caller sent something that can never succeed
`Refused`                     well-formed, but not permitted as things stand
`Unavailable`                 the caller may try the same again later
`Corrupt`                     the operator must look: stored data is damaged
`Misconfigured`               the operator must mend the configuration
`ProofInvalid`                what a server or a file presented does not verify
============================  =====================================================
"""

from __future__ import annotations

from typing import ClassVar


class ConameError(Exception):
    """The base of all of them. ``str(error)`` is one sentence for a person.

    :cvar code: a stable identifier, ``snake_case``.
    :cvar http_status: the status an HTTP front answers with.
    :cvar grpc_status: the name of the status code that gRPC answers with.
    """

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    grpc_status: ClassVar[str] = "INTERNAL"


class InvalidRequest(ConameError):
    """The request is malformed or contradicts itself; sending it again is of no use."""

    code = "invalid_request"
    http_status = 400
    grpc_status = "INVALID_ARGUMENT"


class TooLarge(InvalidRequest):
    """Something in the request is over a configured bound; the message names the bound and both sizes."""

    code = "too_large"


class NotCanonical(InvalidRequest):
    """The user id is not in canonical form; the message holds the canonical form."""

    code = "user_id_not_canonical"


class Refused(ConameError):
    """The request is well-formed, but is not permitted."""

    code = "refused"
    http_status = 400
    grpc_status = "FAILED_PRECONDITION"


class UpdateInvalid(Refused):
    """The update breaks a rule of protocol section 6: version, current policy or new policy."""

    code = "update_invalid"


class QuorumUnmet(Refused):
    """No epoch in reach carries the signatures that the request asked for."""

    code = "quorum_unmet"


class NotPermitted(Refused):
    """The caller is not who may do this: no verifier of this realm, or not the one whose signature it brings."""

    code = "not_permitted"
    http_status = 403
    grpc_status = "PERMISSION_DENIED"


class HeadDiffers(Refused):
    """A verifier signed another epoch head than the one that this replica has for the epoch."""

    code = "head_differs"


class EpochUnknown(Refused):
    """The epoch that was asked for has not been closed yet, or never existed."""

    code = "epoch_unknown"
    grpc_status = "OUT_OF_RANGE"


class NotFound(ConameError):
    """Nothing of that name is here: an unknown path, or no such key."""

    code = "not_found"
    http_status = 404
    grpc_status = "NOT_FOUND"


class RegistrationRefused(Refused):
    """The proof that the address is the caller's is missing or wrong."""

    code = "registration_refused"
    grpc_status = "INVALID_ARGUMENT"


class LoginRefused(Refused):
    """The OpenID provider, or whoever was to log in there, did not bring the login to its end."""

    code = "login_refused"


class LoginUnknown(Refused):
    """A login comes back that was not begun in this browser, or too long ago."""

    code = "login_unknown"


class RegistrationNeeded(RegistrationRefused):
    """No proof that the address is the caller's came along, and this realm asks for one."""

    code = "registration_needed"


class RegistrationReplayed(RegistrationRefused):
    """The proof that the address is the caller's has let somebody in before; each does so once."""

    code = "registration_replayed"


class RegistrationExpired(RegistrationRefused):
    """The proof that the address is the caller's was right once, and is too old now."""

    code = "registration_expired"
    http_status = 401
    grpc_status = "UNAUTHENTICATED"


class Unavailable(ConameError):
    """Try again later: starting, stopping, overloaded, or no epoch yet."""

    code = "unavailable"
    http_status = 503
    grpc_status = "UNAVAILABLE"


class Overloaded(Unavailable):
    """More work is waiting than the configuration allows."""

    code = "overloaded"
    grpc_status = "RESOURCE_EXHAUSTED"


class TimedOut(ConameError):
    """client_timeout passed. An update may still take effect; sending the very same one again is safe."""

    code = "timed_out"
    http_status = 504
    grpc_status = "DEADLINE_EXCEEDED"


class Corrupt(ConameError):
    """Stored data is damaged or missing. Never to be read as absence."""

    code = "corrupt"
    grpc_status = "DATA_LOSS"


class Misconfigured(ConameError):
    """The configuration is wrong.

    :ivar mistakes: every mistake found, each as "path in the file: what is wrong, and what would be right".
    """

    code = "misconfigured"

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class ProofInvalid(ConameError):
    """A proof does not verify (protocol section 8).

    :ivar step: which check failed, one of the names in `coname.core.lookup.STEPS` or of the check's own room.
    """

    code = "proof_invalid"

    def __init__(self, step: str, message: str) -> None:
        super().__init__(message)
        self.step = step


class Unreachable(ConameError):
    """The server could not be reached, or broke off; for clients."""

    code = "unreachable"
