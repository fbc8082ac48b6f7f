"""The configurations of a new realm, as messages: who is in it, who signs, and what clients ask for.

**What clients ask for** (verification_policy): a majority of the replicas AND a majority of the verifiers. A majority
is the least with which two contradicting epoch heads cannot both be accepted unless some verifier signs twice, and it
leaves lookups alive while one of three verifiers is being mended; demanding all of them would let any single verifier
stop everybody. With one verifier or two, that is all of them. Whoever wants more or less edits one threshold. Without
verifiers, clients trust the provider alone.

**Intervals.** A change is visible after a second, and an idle realm closes an epoch once a minute, well within the hour
that clients accept an answer for: a realm may be down for most of it before lookups fail. A delimiter that got lost
is proposed again after five seconds: longer than any election of a leader takes, so that it seldom is proposed twice.

**The original's programs** know no field from 100 up, and refuse a file with one. So, for the suite of 2017, none is
written: no domains, limits, manhole, address for browsers, list of verifiers, names of signers, further replicas'
addresses, what follows a change of the replicas, nor the verification policy that HKP answers under. For RFC 9381,
which they could not speak anyway, they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding

from coname.configuration.listen import Address
from coname.core import vrf
from coname.core.hashes import key_id
from coname.core.quorums import majority, replica_policy
from coname.core.signatures import SigningKey, public_key_message
from coname.messages import config_pb2 as pb
from coname.messages.client_pb2 import AuthorizationPolicy, Duration
from coname.oidc.metadata import discovery_url
from coname.registration.oidc_policy import SCOPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coname.configuration.authority import Authority
    from coname.configuration.options import InitOptions, OidcOptions
    from coname.configuration.tls import Credential

MIN_EPOCH_INTERVAL = Duration(seconds=1)
MAX_EPOCH_INTERVAL = Duration(seconds=60)
PROPOSAL_RETRY_INTERVAL = Duration(seconds=5)
EPOCH_TIME_TO_LIVE = Duration(seconds=3600)
# An update is ratified within two seconds; whoever waits for thirty should hear that something is wrong.
CLIENT_TIMEOUT = Duration(seconds=30)
# A quarter of an hour at one epoch a second: for as long, a lagging verifier makes answers older, not impossible.
LAGGING_VERIFIER_SCAN = 1000
# Some round trips of a local network. Another leader is elected after eight to sixteen without one.
RAFT_HEARTBEAT = Duration(nanos=100_000_000)

SIGNING_KEY_FILE = "replica.ed25519secret"
VRF_FILE = "realm.vrfsecret"
TLS_KEY_FILE = "tls-key.pem"
HOST_KEY_FILE = "manhole_host_key"
AUTHORIZED_KEYS_FILE = "authorized_keys"
OIDC_SECRET_FILE = "oidc-client-secret"  # noqa: S105
VERIFIER_KEY_FILE = "verifier.ed25519secret"
DATABASE = "database"


@dataclass(frozen=True)
class Blueprint:
    """A realm whose keys are made, from which every configuration follows.

    :ivar vrf_secret: all replicas share it.
    :ivar replica_keys: one for each replica, in order; :ivar verifier_keys: likewise.
    """

    options: InitOptions
    authority: Authority
    vrf_secret: bytes
    replica_keys: Sequence[SigningKey]
    verifier_keys: Sequence[SigningKey]

    def __repr__(self) -> str:
        """Without its secrets."""
        return f"<Blueprint {self.options.realm}>"

    @property
    def ours(self) -> bool:
        """Whether fields may be written that the original's programs refuse."""
        return self.options.vrf_suite != vrf.VRF_2017.name

    @property
    def suite(self) -> pb.VRFSuite:
        """The VRF suite, as configurations name it."""
        return pb.RFC9381 if self.ours else pb.VRF_2017

    def replica(self, number: int, credential: Credential) -> pb.ReplicaConfig:
        """The configuration of the replica of that number, from 0, with its TLS `credential`."""
        plain, mutual = self._server_tls(credential), self._mutual_tls(credential)
        config = pb.ReplicaConfig(
            keyserver_config=self._shared(),
            replica_id=self.replica_keys[number].key_id,
            signing_key_id=SIGNING_KEY_FILE,
            public_addr=self._listen("public", number),
            public_tls=plain,
            verifier_addr=self._listen("verifier", number),
            verifier_tls=mutual,
            hkp_addr=self._listen("hkp", number),
            hkp_tls=plain,
            httpfront_addr=self._listen("httpfront", number),
            httpfront_tls=plain,
            raft_addr=self._listen("raft", number),
            raft_tls=mutual,
            leveldb_path=DATABASE,
            raft_heartbeat=RAFT_HEARTBEAT,
            lagging_verifier_scan=LAGGING_VERIFIER_SCAN,
            client_timeout=CLIENT_TIMEOUT,
        )
        if self.ours:
            config.httpfront_url = self.options.front_url(number)
            config.manhole.addr = str(Address("127.0.0.1", self.options.port("manhole", number)))
            config.manhole.host_key_id = HOST_KEY_FILE
            config.manhole.authorized_keys = AUTHORIZED_KEYS_FILE
        return config

    def verifier(self, number: int, credential: Credential) -> pb.VerifierConfig:
        """The configuration of the verifier of that number, from 0. It follows one replica; they take turns."""
        replica = number % self.options.replicas
        tls = pb.TLSConfig(certificates=[certificates_of(credential)], root_cas=[self._authority_der()])
        config = pb.VerifierConfig(
            id=self.verifier_keys[number].key_id,
            signing_key_id=VERIFIER_KEY_FILE,
            realm=self.options.realm,
            tls=tls,
            keyserver_addr=self._reach("verifier", replica),
            initial_keyserver_auth=replica_policy(self._replicas()),
            leveldb_path=DATABASE,
        )
        if self.ours:
            config.require_transcripts = True  # so that a third person can be shown what was sent
        return config

    def client(self) -> pb.Config:
        """The configuration for everybody who looks addresses up or registers one. It holds no secret."""
        https = self._reach("httpfront", 0)
        realm = pb.RealmConfig(
            RealmName=self.options.realm,
            domains=self.options.domains,
            addr=self._reach("public", 0),
            URL=f"https://{https}",
            VRFPublic=vrf.suite(self.suite).public_key(self.vrf_secret),
            verification_policy=self.verification_policy(),
            epoch_time_to_live=EPOCH_TIME_TO_LIVE,
            client_tls=pb.TLSConfig(root_cas=[self._authority_der()]),
            vrf_suite=self.suite,
        )
        if self.ours:
            realm.keyserver_auth.CopyFrom(replica_policy(self._replicas()))  # what follows a change of the replicas
            for number in range(1, self.options.replicas):
                realm.addrs.append(self._reach("public", number))
                realm.URLs.append(f"https://{self._reach('httpfront', number)}")
            for kind, keys in (("replica", self.replica_keys), ("verifier", self.verifier_keys)):
                for number, key in enumerate(keys, start=1):
                    realm.signer_names[key.key_id] = f"{kind} {number}"
        return pb.Config(realms=[realm])

    def verification_policy(self) -> AuthorizationPolicy:
        """What clients ask for: see the top of this file."""
        replicas = replica_policy(self._replicas())
        if not self.verifier_keys:
            return replicas
        policy = AuthorizationPolicy(public_keys=replicas.public_keys)
        policy.quorum.threshold = 2
        policy.quorum.subexpressions.add().CopyFrom(replicas.quorum)
        verifiers = policy.quorum.subexpressions.add(threshold=majority(len(self.verifier_keys)))
        for key in self.verifier_keys:
            policy.public_keys[key.key_id].CopyFrom(public_key_message(key.public))
            verifiers.candidates.append(key.key_id)
        return policy

    def _shared(self) -> pb.KeyserverConfig:
        config = pb.KeyserverConfig(
            server_id=1,
            realm=self.options.realm,
            vrf_key_id=VRF_FILE,
            min_epoch_interval=MIN_EPOCH_INTERVAL,
            max_epoch_interval=MAX_EPOCH_INTERVAL,
            proposal_retry_interval=PROPOSAL_RETRY_INTERVAL,
            initial_replicas=self._replicas(),
            vrf_suite=self.suite,
        )
        if self.options.insecure_skip_email_proof:
            config.registration_policy.add(insecure_skip_email_proof=True)
        if self.options.oidc is not None:
            self._add_oidc(config, self.options.oidc)
        if self.ours:
            config.unbound_proofs = False
            config.domains.extend(self.options.domains)
            if self.verifier_keys:
                config.verification_policy.CopyFrom(self.verification_policy())
            for key in self.verifier_keys:
                config.verifiers.add(id=key.key_id, public_keys=[public_key_message(key.public)])
        return config

    def _add_oidc(self, config: pb.KeyserverConfig, oidc: OidcOptions) -> None:
        provider = config.registration_policy.add().email_proof_by_oidc.oidc_config.add(
            allowed_domains=self.options.domains,
            discovery_url=discovery_url(oidc.issuer),
            issuer=oidc.issuer,
            clientID=oidc.client_id,
            scope=" ".join(SCOPE),
        )
        if oidc.secret:
            provider.client_secret_id = OIDC_SECRET_FILE

    def _replicas(self) -> list[pb.Replica]:
        return [
            pb.Replica(
                id=key_id(public_key_message(key.public).SerializeToString()),
                public_keys=[public_key_message(key.public)],
                raft_addr=self._reach("raft", number),
            )
            for number, key in enumerate(self.replica_keys)
        ]

    def _listen(self, front: str, replica: int) -> str:
        return str(Address(self.options.listen_host(replica), self.options.port(front, replica)))

    def _reach(self, front: str, replica: int) -> str:
        return str(Address(self.options.host(replica), self.options.port(front, replica)))

    def _server_tls(self, credential: Credential) -> pb.TLSConfig:
        """A server for everybody."""
        return pb.TLSConfig(certificates=[certificates_of(credential)])

    def _mutual_tls(self, credential: Credential) -> pb.TLSConfig:
        """A server, and a client, for those who have a certificate of this realm."""
        return pb.TLSConfig(
            certificates=[certificates_of(credential)],
            root_cas=[self._authority_der()],
            client_auth=pb.REQUIRE_AND_VERIFY_CLIENT_CERT,
            client_cas=[self._authority_der()],
        )

    def _authority_der(self) -> bytes:
        return self.authority.certificate.public_bytes(Encoding.DER)


def certificates_of(credential: Credential) -> pb.CertificateAndKeyID:
    """As a TLSConfig has them."""
    chain = [certificate.public_bytes(Encoding.DER) for certificate in credential.chain]
    return pb.CertificateAndKeyID(certificate=chain, key_id=TLS_KEY_FILE)
