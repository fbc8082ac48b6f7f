"""The values that stand where a configuration has none, each with its reason."""

from __future__ import annotations

from coname.messages.config_pb2 import Limits

# An entry is copied to every replica and verifier for ever: room for POLICY_KEYS keys of 48 bytes and a rich quorum.
ENTRY_BYTES = 4 * 1024
# An OpenPGP certificate of some subkeys and a dozen certifications has 10 to 30 kB.
PROFILE_BYTES = 64 * 1024
# Somebody's devices and trustees; each costs a signature check of 50 µs when an update is applied.
POLICY_KEYS = 32
# Nobody thinks deeper than "two of (one of these, two of those)"; evaluation takes time by size, not by depth.
QUORUM_DEPTH = 8
# The replicas and verifiers of a large realm, twice over; a lookup's quorum is evaluated on every request.
QUORUM_SIZE = 256
# A profile and an entry in base64, and a registration proof: a signed mail, or a SAML response with its certificates.
REQUEST_BYTES = 256 * 1024
# Each open TLS connection costs about 50 kB; and a process may often open 4,096 files at most.
CONNECTIONS = 3000
# An update waits a second or two for its epoch; at 1 kB each these are 10 MB, at the largest allowed 700 MB.
PENDING_UPDATES = 10_000
# The longest address that mail can carry: 64 octets before the @, 255 after it (RFC 5321, section 4.5.3.1).
USER_ID_BYTES = 320
# The tree of a million entries without its lowest branches, and the answers of the users asked for most. A smaller
# realm does not fill it.
CACHE_BYTES = 512 * 1024 * 1024
# What a replica may have missed and still catch up entry by entry, rather than with a copy of the whole database: a day
# of an idle realm, some minutes of a busy one.
RAFT_LOG_ENTRIES = 100_000
RAFT_LOG_BYTES = 256 * 1024 * 1024

# Between two signs of life of the replicas' leader, in seconds: some round trips of a local network.
RAFT_HEARTBEAT = 0.1
# What may be set: less would be lost among the pauses of a busy machine, more would stop updates for minutes.
RAFT_HEARTBEATS = (0.02, 5.0)

# How far ahead of a verifier's clock an epoch may be issued, in seconds. Clocks that are set over the network agree
# within one; five minutes forgive a virtual machine that was asleep. What is issued later must not be vouched for.
CLOCK_TOLERANCE = 300.0
# The most that may be set, in seconds. A judge takes what was issued over an hour ahead of its clock for a lie, and
# whoever has signed it for a liar; the other half of the hour is for how far the judge's own clock is off.
MOST_CLOCK_TOLERANCE = 1800.0
# Older epochs than this, in seconds, are checked but not signed, except for the newest: clients take answers for an
# hour, so that nobody would look at the signatures, and each costs the keyserver a place in its log.
SIGN_WITHIN = 3600.0

# Where a configuration sets 0, which would close epochs, or propose them again, without any pause.
MAX_EPOCH_INTERVAL = 60.0
PROPOSAL_RETRY_INTERVAL = 5.0


def with_defaults(limits: Limits) -> Limits:
    """A copy of `limits` in which no field is 0."""
    filled = Limits(
        entry_bytes=ENTRY_BYTES,
        profile_bytes=PROFILE_BYTES,
        policy_keys=POLICY_KEYS,
        quorum_depth=QUORUM_DEPTH,
        quorum_size=QUORUM_SIZE,
        request_bytes=REQUEST_BYTES,
        connections=CONNECTIONS,
        pending_updates=PENDING_UPDATES,
        user_id_bytes=USER_ID_BYTES,
        cache_bytes=CACHE_BYTES,
        raft_log_entries=RAFT_LOG_ENTRIES,
        raft_log_bytes=RAFT_LOG_BYTES,
    )
    filled.MergeFrom(limits)
    return filled
