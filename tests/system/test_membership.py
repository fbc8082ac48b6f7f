"""Replicas come and go while a realm serves: real processes, each at its own address, and the commands of operators."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import grpc
from twisted.trial.unittest import SynchronousTestCase

from tests.system.growing import GrowingRealm, Registering
from tests.system.processes import wait_for


class GrowingCase(SynchronousTestCase):
    timeout = 120
    size = 3

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.realm = self.make()
        self.addCleanup(self.realm.clean_up)

    def make(self) -> GrowingRealm:
        return GrowingRealm(self.folder, self.size)


class FromOneToThreeTests(GrowingCase):
    size = 1

    def test_a_lone_replica_becomes_three_and_then_any_of_them_may_be_lost(self) -> None:
        realm, config = self.realm, str(self.realm.replicas[1].config)
        realm.start(1)
        for _ in range(3):
            realm.register(1)
        self.assertIn("coname cluster convert", realm.command("status", "--config", config, fails=5))
        self.assertIn("open in another process", realm.command("convert", "--config", config, fails=4))
        realm.replicas[1].stop()
        self.assertIn("The log is Raft's now", realm.command("convert", "--config", config))
        self.assertIn("moved before", realm.command("convert", "--config", config, fails=5))
        realm.start(1)
        realm.register(1)
        for number in (2, 3):
            realm.prepare(number, model=1).begin()
            realm.add(number, at=1)
        realm.register(3)
        realm.replicas[1].kill()
        realm.register(2)
        realm.register(3)
        for number in (2, 3):
            realm.check(number)
        realm.start(1)
        realm.check(1)

    def test_a_moved_realm_whose_new_log_is_lost_does_not_go_on_without_it(self) -> None:
        realm, replica = self.realm, self.realm.replicas[1]
        realm.start(1)
        realm.register(1)
        replica.stop()
        realm.command("convert", "--config", str(replica.config))
        shutil.rmtree(replica.folder / "database-log")
        replica.begin()
        assert replica.process is not None
        self.assertEqual(replica.process.wait(30), 1)
        self.assertIn("was moved to Raft, and is missing", replica.log.read_text())


class ReplacingTests(GrowingCase):
    def make(self) -> GrowingRealm:
        return GrowingRealm(self.folder, 3, verifiers=1)

    def test_every_machine_is_replaced_under_load_and_a_verifier_follows(self) -> None:
        realm = self.realm
        realm.start_verifier(1)
        realm.start()
        serving = [1, 2, 3]
        realm.register(1)
        with Registering(realm, lambda: tuple(serving)) as load:
            for old, new in ((1, 4), (2, 5), (3, 6)):
                realm.prepare(new, model=serving[-1]).begin()
                realm.add(new, at=serving[0])
                serving.append(new)
                if old == 1:
                    realm.move_verifier(1, to=new)
                serving.remove(old)
                realm.remove(old, at=new)
                realm.replicas[old].stop()
        self.assertLess(load.failed, len(realm.acknowledged))
        self.assertGreater(len(realm.acknowledged), 20)
        for number in serving:
            realm.check(number)
        signers = set(realm.followed(4).verification_policy.public_keys)
        self.assertEqual(
            signers & {one.settings.replica_id for one in realm.replicas.values()},
            {realm.replicas[number].settings.replica_id for number in serving},
        )


class LearnerTests(GrowingCase):
    size = 1

    def make(self) -> GrowingRealm:
        realm = super().make()
        realm.start(1)
        realm.register(1)
        realm.replicas[1].stop()
        realm.command("convert", "--config", str(realm.replicas[1].config))
        realm.start(1)
        return realm

    def test_a_learner_answers_lookups_and_signs_nothing_until_it_is_promoted(self) -> None:
        realm = self.realm
        learner = realm.prepare(2, model=1)
        learner.begin()
        wait_for(lambda: "coname cluster add" in learner.log.read_text(), "it says what it waits for")
        waiting = realm.command("status", "--config", str(learner.config))
        self.assertIn("do not know this replica yet", waiting)
        realm.add(2, 1, "--learner")
        self.assertEqual(realm.role(2, at=1), "learner")
        realm.register(1)
        realm.register(2)  # it takes updates, too, and passes them on
        wait_for(learner.is_up, "it answers")
        realm.check(2)
        self.assertNotIn(learner.settings.replica_id, realm.followed(1).verification_policy.public_keys)
        learner.kill()
        realm.register(1)  # nobody waits for it
        learner.begin()
        wait_for(learner.is_up, "it answers again")
        realm.command("promote", realm.id(2)[:6], "--config", str(learner.config))
        self.assertIn(learner.settings.replica_id, realm.followed(1).verification_policy.public_keys)
        realm.register(2)
        realm.check(2)
        realm.remove(1, at=2)  # which leads
        realm.register(2)
        realm.check(2)


class TroubleTests(GrowingCase):
    def test_the_joiner_and_the_leader_are_killed_half_way(self) -> None:
        realm = self.realm
        realm.start()
        for _ in range(30):
            realm.register(1)
        joiner = realm.prepare(4, model=2)
        joiner.begin()
        realm.add(4, 1, "--no-wait")
        wait_for(lambda: "Connected to replica" in joiner.log.read_text(), "it is let in")
        joiner.kill()
        leader = realm.leader(at=1)
        other = 2 if leader == 1 else 1
        realm.replicas[leader].kill()
        joiner.begin()
        wait_for(lambda: realm.role(4, at=other) == "voter", "it signs")
        realm.register(4)
        realm.check(4)
        realm.start(leader)
        realm.check(leader)

    def test_a_removed_replica_says_so_and_disturbs_nobody_even_when_it_is_started_again(self) -> None:
        realm = self.realm
        realm.start()
        realm.register(1)
        leader = realm.leader(at=1)
        removed, one, other = realm.replicas[leader], *(number for number in (1, 2, 3) if number != leader)
        realm.remove(leader, at=one)
        wait_for(lambda: "This replica was removed" in removed.log.read_text(), "it says so")
        with self.assertRaises(grpc.RpcError) as refused:
            realm.register(leader, timeout=5)
        self.assertEqual(refused.exception.code(), grpc.StatusCode.UNAVAILABLE)
        removed.kill()
        removed.log.unlink()
        removed.begin()
        wait_for(lambda: "This replica was removed" in removed.log.read_text(), "it says so again")
        terms = {realm.replicas[number].role()[0] for number in (one, other)}
        realm.register(one)
        realm.register(other)
        self.assertEqual({realm.replicas[number].role()[0] for number in (one, other)}, terms)
        told = realm.command("remove", realm.id(leader), "--config", str(realm.replicas[one].config), fails=2)
        self.assertIn("is no replica", told)
        self.assertIn("turn this replica away", realm.command("status", "--config", str(removed.config)))

    def test_an_old_backup_is_recognised_and_the_replica_joins_anew(self) -> None:
        realm = self.realm
        realm.start()
        realm.register(1)
        restored = realm.replicas[3]
        restored.stop()
        shutil.copytree(restored.folder, self.folder / "backup")
        realm.start(3)
        for _ in range(3):
            realm.register(3)
        restored.kill()
        shutil.rmtree(restored.folder)
        shutil.copytree(self.folder / "backup", restored.folder)
        restored.begin()
        wait_for(lambda: "let it join anew" in restored.log.read_text(), "it is told so")
        realm.remove(3, at=1)
        restored.kill()
        realm.register(2)
        realm.empty(3)
        restored.begin()
        realm.add(3, at=2)
        realm.register(3)
        realm.check(3)
