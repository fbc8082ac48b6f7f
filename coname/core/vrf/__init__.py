"""The private index: where a user id's entry lives, which only the keyserver can compute, and everybody can check.

A suite is a verifiable random function (protocol section 4). It belongs to the realm: clients take it from their
pinned realm configuration, never from an answer. There are two, behind one interface: `RFC9381` for every new realm,
and `VRF_2017` for realms that the original's clients must read. A user's index and proof never change for a given
secret: compute them once, and keep them.
"""

from __future__ import annotations

from coname.core.vrf.legacy2017 import VRF_2017
from coname.core.vrf.rfc9381 import RFC9381
from coname.core.vrf.suites import VrfSuite
from coname.messages import config_pb2

__all__ = ["RFC9381", "VRF_2017", "VrfSuite", "suite"]

_SUITES: dict[int | str, VrfSuite] = {
    config_pb2.RFC9381: RFC9381,
    config_pb2.VRF_2017: VRF_2017,
    RFC9381.name: RFC9381,
    VRF_2017.name: VRF_2017,
}


def suite(name: config_pb2.VRFSuite | int | str) -> VrfSuite:
    """The suite of that name (``rfc9381``, ``2017``), or of that number in a configuration.

    :raises ValueError: there is none.
    """
    found = _SUITES.get(name)
    if found is None:
        raise ValueError(f"there is no VRF suite {name!r}; there are {RFC9381.name} and {VRF_2017.name}")
    return found
