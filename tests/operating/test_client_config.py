"""``coname cluster client-config``: a client's configuration after changes of the replicas."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from coname.client.console.exits import Exit
from coname.client.console.running import Job, Way
from coname.config import load_client
from coname.core.signatures import SigningKey
from coname.errors import InvalidRequest, Unreachable
from coname.messages.client_pb2 import LookupProof, PolicyChanges
from coname.messages.config_pb2 import Config, RealmConfig
from tests.client.changing import ChangingRealm, policy_of
from tests.client.commands import CommandCase, SimulatedEnvironment, T, finished
from tests.client.simulator import Realm
from tests.client.transports import MemoryTransport

OLD, OLD_URL = "keys.invalid:4625", "https://keys.invalid:25519"
NEW, NEW_URL = "new.invalid:4625", "https://new.invalid:25519"


class Gone:
    """A server that is not there."""

    def lookup(self, request: object) -> LookupProof:
        raise Unreachable("nobody listens there")

    def policy_changes(self, request: object) -> PolicyChanges:
        raise Unreachable("nobody listens there")


class Elsewhere(SimulatedEnvironment):
    """Servers at several places: at each of them the realm, unless another is put there."""

    def __init__(self, realm: Realm) -> None:
        super().__init__(realm)
        self.others: dict[str, Any] = {}
        self.asked: list[str] = []

    def run(self, way: Way, job: Job[T]) -> T:
        self.ways.append(way)
        return finished(job(self.connect))

    def connect(self, realm: RealmConfig) -> MemoryTransport:
        place = realm.addr or realm.URL
        self.asked.append(place)
        return MemoryTransport(self.others.get(place, self.realm))


class ClientConfigCase(CommandCase):
    """A realm whose replicas are others by now, and a client's configuration of the first day."""

    verifiers = 0

    def setUp(self) -> None:
        super().setUp()
        self.use(ChangingRealm(verifiers=[SigningKey.generate() for _ in range(self.verifiers)]))
        self.environment = Elsewhere(self.realm)
        self.path = self.folder / "config.json"
        self.first = self.realm.config()
        self.numbers = self.realm.replace_all()

    def renew(self, *options: str, status: Exit = Exit.DONE) -> str:
        """What the command says."""
        result = self.invoke("cluster", "client-config", str(self.path), *options)
        self.assertEqual(result.exit_code, status, result.output)
        return result.output

    def told(self, *options: str) -> Any:
        """What it says to programs."""
        return json.loads(self.renew(*options, "--json"))

    def now(self) -> RealmConfig:
        """What the file says."""
        return load_client(self.path).realms[0]

    def kept(self) -> list[Path]:
        return sorted(self.folder.glob("config.json.before-*"))

    def other_file(self, config: Config) -> None:
        self.write_config(config)
        self.first = config


class Policy(ClientConfigCase):
    def test_it_is_the_one_that_signatures_lead_to(self) -> None:
        self.renew()
        self.assertEqual(self.now().keyserver_auth, policy_of(self.realm.signers))
        self.assertEqual(self.now().verification_policy, policy_of(self.realm.signers))
        self.assertEqual(self.now().keyserver_auth_since, self.numbers[-1])

    def test_what_changed_is_named(self) -> None:
        said = self.renew()
        self.assertIn("changed: verification_policy, keyserver_auth, keyserver_auth_since\n", said)
        self.assertIn(f"6 changes of the replicas, up to that of epoch {self.numbers[-1]}", said)
        for key in self.realm.signers:
            self.assertIn(f"signs now: replica {key.key_id}, {key.key_id:016x}", said)
        for signer in self.first.realms[0].keyserver_auth.public_keys:
            self.assertIn(f"signs no more: replica {signer}", said)

    def test_everything_else_stays(self) -> None:
        document = json.loads(self.path.read_text())
        document["realms"][0]["domains"] = ["EXAMPLE.com".lower(), "*.example.org"]
        self.path.write_text(json.dumps(document))
        self.renew()
        after = json.loads(self.path.read_text())["realms"][0]
        for field in ("RealmName", "domains", "addr", "URL", "VRFPublic", "epoch_time_to_live"):
            self.assertEqual(after[field], document["realms"][0][field])

    def test_the_old_file_is_kept_and_the_mode_too(self) -> None:
        before = self.path.read_bytes()
        self.path.chmod(0o644)
        said = self.renew()
        (kept,) = self.kept()
        self.assertEqual(kept.read_bytes(), before)
        self.assertIn(f"kept the old file: {kept.resolve()}", said)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o644)

    def test_the_second_time_there_is_nothing_to_do(self) -> None:
        self.renew()
        before = self.path.read_bytes()
        self.assertIn("Nothing to change", self.renew())
        self.assertEqual((self.path.read_bytes(), len(self.kept())), (before, 1))

    def test_it_goes_on_from_there_when_the_replicas_change_again(self) -> None:
        self.renew()
        self.realm.replace_all()
        self.assertIn("followed by signatures: 6 changes", self.renew())
        self.assertEqual(self.now().keyserver_auth, policy_of(self.realm.signers))

    def test_a_lookup_with_it_needs_no_further_change(self) -> None:
        self.renew()
        self.assertIn("no change is known", self.invoke("lookup", "alice@example.com").output)

    def test_a_dry_run_shows_it_and_writes_nothing(self) -> None:
        before = self.path.read_bytes()
        said = self.renew("--dry-run", f"--address={NEW}")
        self.assertIn(f'"keyserver_auth_since": "{self.numbers[-1]}"', said)
        self.assertIn(f'"addr": "{NEW}"', said)
        self.assertEqual((self.path.read_bytes(), self.kept()), (before, []))

    def test_fields_under_their_other_names_are_changed_where_they_stand(self) -> None:
        self.path.write_text(json_format.MessageToJson(self.first))
        self.renew()
        realm = json.loads(self.path.read_text())["realms"][0]
        self.assertEqual(realm["keyserver_auth_since"], str(self.numbers[-1]))
        self.assertIn("keyserverAuth", realm)
        self.assertNotIn("keyserver_auth", realm)
        self.assertEqual(self.now().keyserver_auth, policy_of(self.realm.signers))

    def test_a_link_stays_one(self) -> None:
        target = self.folder / "there.json"
        self.path.rename(target)
        self.path.symlink_to(target)
        self.renew()
        self.assertTrue(self.path.is_symlink())
        self.assertEqual(load_client(target).realms[0].keyserver_auth_since, self.numbers[-1])

    def test_what_it_cannot_know_is_said(self) -> None:
        self.assertIn("this command does not know", self.renew())

    def test_for_programs(self) -> None:
        document = self.told()
        self.assertEqual((document["changes_followed"], document["keyserver_auth_since"]), (6, str(self.numbers[-1])))
        self.assertEqual(
            document["changed"]["keyserver_auth"],
            json_format.MessageToDict(policy_of(self.realm.signers), preserving_proto_field_name=True),
        )
        self.assertEqual(set(document["answered"]), {OLD, OLD_URL})
        self.assertEqual((self.told()["changed"], self.told()["old_file"]), ({}, None))


class Verifiers(ClientConfigCase):
    verifiers = 2

    def test_those_that_were_demanded_still_are(self) -> None:
        self.renew()
        self.assertEqual(self.now().verification_policy, self.realm.config().realms[0].verification_policy)
        self.assertEqual(
            set(self.now().verification_policy.public_keys),
            {key.key_id for key in [*self.realm.signers, *self.realm.verifiers]},
        )


class Names(ClientConfigCase):
    def setUp(self) -> None:
        super().setUp()
        for number, signer in enumerate(self.first.realms[0].keyserver_auth.public_keys, 1):
            self.first.realms[0].signer_names[signer] = f"replica {number}"
        self.first.realms[0].signer_names[7] = "somebody else"
        self.other_file(self.first)

    def test_those_who_sign_no_more_lose_theirs(self) -> None:
        said = self.renew()
        self.assertEqual(dict(self.now().signer_names), {7: "somebody else"})
        self.assertRegex(said, r"signs no more: replica 1 \(\d+\), [0-9a-f]{16}\n")

    def test_new_ones_can_be_given_some(self) -> None:
        first, second, _ = (key.key_id for key in self.realm.signers)
        self.renew(f"--name={first:016x}=Zürich", f"--name={f'{second:016x}'[:6]}=Genève")
        self.assertEqual(self.now().signer_names[first], "Zürich")
        self.assertEqual(self.now().signer_names[second], "Genève")

    def test_nobody_else_can(self) -> None:
        gone = next(iter(self.first.realms[0].keyserver_auth.public_keys))
        self.assertIn("is no replica that signs", self.renew(f"--name={gone:016x}=x", status=Exit.USAGE))
        self.assertIn("is not ID=NAME", self.renew("--name=x", status=Exit.USAGE))
        self.assertEqual(self.kept(), [])


class Servers(ClientConfigCase):
    def test_given_ones_take_the_place_of_all_of_their_kind(self) -> None:
        self.first.realms[0].addrs.append("third.invalid:4625")
        self.other_file(self.first)
        self.renew(f"--address={NEW}")
        realm = self.now()
        self.assertEqual((realm.addr, list(realm.addrs), realm.URL), (NEW, [], OLD_URL))
        self.renew(f"--url={NEW_URL}", "--url=https://more.invalid")
        self.assertEqual((self.now().URL, list(self.now().URLs)), (NEW_URL, ["https://more.invalid"]))

    def test_those_that_are_to_be_there_are_asked_and_no_others(self) -> None:
        self.renew(f"--address={NEW}", "--address=more.invalid:1")
        self.assertEqual(self.environment.asked, [NEW, "more.invalid:1", OLD_URL])
        self.assertTrue(self.environment.ways[-1].either)

    def test_one_that_is_not_there_is_told_and_the_others_do(self) -> None:
        self.environment.others = {OLD: Gone(), OLD_URL: Gone()}
        said = self.renew(f"--address={NEW}")
        self.assertIn(f"warning: {OLD_URL}: nobody listens there", said)
        self.assertRegex(said, f"{NEW} answers for epoch {len(self.realm.epochs)}")
        self.assertEqual(self.now().keyserver_auth, policy_of(self.realm.signers))

    def test_if_none_is_there_nothing_is_written(self) -> None:
        self.environment.others = {OLD: Gone(), OLD_URL: Gone(), NEW: Gone()}
        self.assertIn("say where: --replica, --address or --url", self.renew(status=Exit.UNREACHABLE))
        self.assertNotIn("say where", self.renew(f"--address={NEW}", status=Exit.UNREACHABLE))
        self.assertEqual(self.kept(), [])

    def test_one_that_knows_of_no_change_is_made_up_for_by_another(self) -> None:
        stale = ChangingRealm()
        stale.__dict__.update(self.realm.__dict__)
        stale.announcing, stale.epochs = [], self.realm.epochs[: self.numbers[0] - 1]
        self.environment.others = {OLD: stale}
        self.renew()
        self.assertEqual(self.now().keyserver_auth, policy_of(self.realm.signers))

    def test_one_that_was_removed_and_still_answers_is_told_and_the_others_do(self) -> None:
        removed = copy.copy(self.realm)
        removed.epochs = list(self.realm.epochs)
        self.realm.close_epoch()
        self.environment.others = {OLD_URL: removed}
        self.assertIn(f"warning: {OLD_URL}: it is behind: epoch {len(removed.epochs)} is its newest", self.renew())
        self.assertEqual(self.now().keyserver_auth, policy_of(self.realm.signers))
        self.assertFalse((self.folder / "state").exists())

    def test_mistakes_in_them_are_told_before_anybody_is_asked(self) -> None:
        self.assertIn("has no port", self.renew("--address=host", status=Exit.USAGE))
        self.assertIn("https://", self.renew("--url=http://host", status=Exit.USAGE))
        self.assertIn("is not ID=NAME", self.renew("--name=Bob", status=Exit.USAGE))
        self.assertEqual(self.environment.asked, [])


class Replicas(ClientConfigCase):
    """Servers by the replicas' own configurations."""

    def replica(self, folder: str, host: str = "ks1.example.com", **more: Any) -> str:
        key = self.realm.signers[0]
        document = {
            "replica_id": str(key.key_id),
            "keyserver_config": {"realm": self.realm.name},
            "public_addr": ":4625",
            "httpfront_addr": ":25519",
            "raft_addr": ":9807",
        } | more
        place = self.folder / folder
        place.mkdir()
        (place / "config.json").write_text(json.dumps(document))
        described = {"id": document["replica_id"], "public_keys": [{"ed25519": "AAAA"}], "raft_addr": f"{host}:9807"}
        if host:
            (place / "replica.json").write_text(
                json.dumps({"format": "coname replica 1", "realm": self.realm.name, "replica": described})
            )
        return str(place / "config.json")

    def test_their_fronts_are_taken(self) -> None:
        others = self.replica("two", "ks2.example.com", public_addr="192.0.2.2:1")
        self.renew("--replica", self.replica("one"), "--replica", others)
        realm = self.now()
        self.assertEqual((realm.addr, list(realm.addrs)), ("ks1.example.com:4625", ["192.0.2.2:1"]))
        self.assertEqual(
            (realm.URL, list(realm.URLs)), ("https://ks1.example.com:25519", ["https://ks2.example.com:25519"])
        )

    def test_of_the_first_replicas_too(self) -> None:
        key = self.realm.signers[0]
        initial = {"id": str(key.key_id), "raft_addr": "first.example.com:9807"}
        path = self.replica("one", "", keyserver_config={"realm": self.realm.name, "initial_replicas": [initial]})
        self.renew("--replica", path)
        self.assertEqual(self.now().addr, "first.example.com:4625")

    def test_what_is_given_besides_goes_before(self) -> None:
        self.renew("--replica", self.replica("one"), f"--url={NEW_URL}")
        self.assertEqual((self.now().addr, self.now().URL), ("ks1.example.com:4625", NEW_URL))

    def test_one_that_does_not_sign_is_told(self) -> None:
        said = self.renew("--replica", self.replica("one", replica_id="77"))
        self.assertIn("warning: replica 000000000000004d of ", said)

    def test_one_that_does_not_say_where_it_is_is_a_mistake(self) -> None:
        said = self.renew("--replica", self.replica("one", ""), status=Exit.USAGE)
        self.assertIn("public_addr names no host", said)

    def test_one_of_another_realm_is_a_mistake(self) -> None:
        path = self.replica("one", keyserver_config={"realm": "another"})
        self.assertIn("is of the realm 'another'", self.renew("--replica", path, status=Exit.USAGE))

    def test_another_file_is_a_mistake(self) -> None:
        self.assertIn("is the configuration of a client", self.renew("--replica", str(self.path), status=Exit.USAGE))
        self.assertEqual(self.environment.asked, [])


class Refusals(ClientConfigCase):
    """What is not renewed."""

    def refused(self, status: Exit, *options: str) -> str:
        before = self.path.read_bytes()
        said = self.renew(*options, status=status)
        self.assertEqual((self.path.read_bytes(), self.kept()), (before, []))
        return said

    def test_a_server_cannot_name_replicas_of_its_own(self) -> None:
        theirs = ChangingRealm()
        theirs.secret = self.realm.secret
        theirs.replace_all()
        self.environment.realm = theirs
        self.refused(Exit.INVALID)

    def test_nor_can_those_who_are_gone(self) -> None:
        self.realm.signers = self.realm.epochs[0].signers
        self.renew()
        self.realm.change([SigningKey.generate()])
        self.realm.close_epoch()
        said = self.renew()
        self.assertIn("Nothing to change", said)
        self.assertIn("warning: ", said)

    def test_a_change_that_nobody_has_signed_by_yet_has_to_wait(self) -> None:
        number = self.realm.change([SigningKey.generate() for _ in range(3)])
        self.assertIn(f"epoch {number} announces a change", self.refused(Exit.UNREACHABLE))

    def test_two_histories_are_told_and_kept_as_evidence(self) -> None:
        other = copy.copy(self.realm)
        other.entries, other.epochs = {bytes(32): b"an entry that nobody else has"}, list(self.realm.epochs)
        other.rewrite_history(back=1)
        self.environment.others = {OLD_URL: other}
        said = self.refused(Exit.INVALID)
        (evidence,) = (self.folder / "state").glob("*/evidence/*.json")
        self.assertIn(str(evidence), said)
        self.assertEqual(self.invoke("judge", str(evidence)).exit_code, Exit.DONE)

    def test_nothing_is_remembered(self) -> None:
        self.renew()
        self.assertFalse((self.folder / "state").exists())

    def test_what_is_remembered_does_not_count(self) -> None:
        self.invoke("lookup", "alice@example.com")
        for path in (self.folder / "state").glob("*/*.json"):
            path.write_text("damaged")
        self.renew()

    def test_a_lie_is_told(self) -> None:
        def tamper(proof: LookupProof) -> None:
            proof.index = bytes(32)

        self.realm.tamper = tamper
        self.refused(Exit.INVALID)

    def test_what_a_server_refuses_is_told(self) -> None:
        self.realm.refuse = InvalidRequest("not for you")
        self.assertIn("not for you", self.refused(Exit.REFUSED))

    def test_a_configuration_that_does_not_name_the_replicas_cannot_be_followed_from(self) -> None:
        self.first.realms[0].ClearField("keyserver_auth")
        self.other_file(self.first)
        self.assertIn("has no keyserver_auth", self.refused(Exit.USAGE))

    def test_several_realms_need_a_name(self) -> None:
        other = self.first.realms.add()
        other.CopyFrom(ChangingRealm(name="another", domain="example.org").config().realms[0])
        self.other_file(self.first)
        self.assertIn("name one with --realm", self.refused(Exit.USAGE))
        self.assertIn("has no realm 'third'", self.refused(Exit.USAGE, "--realm=third"))
        self.renew("--realm=testing")
        self.assertEqual(load_client(self.path).realms[1], other)

    def test_toml_is_shown_but_not_written(self) -> None:
        self.path = self.folder / "config.toml"
        self.path.write_text(toml(json_format.MessageToDict(self.first, preserving_proto_field_name=True)))
        self.assertIn("TOML is not written here", self.refused(Exit.USAGE))
        self.assertIn("keyserver_auth_since", self.renew("--dry-run"))

    def test_a_file_that_changes_meanwhile_is_left_alone(self) -> None:
        ask = self.realm.policy_changes

        def edited(request: Any) -> PolicyChanges:
            self.path.write_text("{}")
            return ask(request)

        self.realm.policy_changes = edited
        self.assertIn("was changed in the meantime", self.renew(status=Exit.USAGE))
        self.assertEqual((self.path.read_text(), self.kept()), ("{}", []))

    def test_a_file_with_mistakes_is_told(self) -> None:
        self.path.write_text('{"realms": [{"RealmName": "x"}]}')
        self.assertIn("domains: empty", self.refused(Exit.USAGE))


def toml(document: dict[str, Any]) -> str:
    """The same in TOML: its inline tables are close enough to JSON."""

    def inline(value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{json.dumps(key)} = {inline(each)}" for key, each in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(inline, value)) + "]"
        return json.dumps(value)

    return "".join(f"{key} = {inline(value)}\n" for key, value in document.items())
