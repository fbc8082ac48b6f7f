"""``twistd coname-verifier``: an independent verifier of a key directory."""

from twisted.application.service import ServiceMaker

verifier = ServiceMaker(
    "coname-verifier", "coname.verifier_service", "Run a verifier of a coname key directory.", "coname-verifier"
)
