"""The benchmark's data sets: real registrations, found again by a real lookup."""

from __future__ import annotations

import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.fill import fill
from bench.people import PROFILE_BYTES, Person
from coname.client.composing import lookup_request
from coname.config import load_client, load_replica
from coname.configuration.init import InitOptions, initialise
from coname.core.lookup import verify_lookup
from coname.core.vrf import suite
from coname.keyserver import frontier
from coname.keyserver.indices import Indices
from coname.keyserver.lookups import Lookups
from coname.keyserver.tables import read_state
from coname.service import open_store
from coname.storage.tree import MerkleTree


class FillTests(SynchronousTestCase):
    """The bulk load."""

    def test_everybody_can_be_looked_up_and_verified(self) -> None:
        layout = initialise(Path(self.mktemp()), InitOptions(realm="bench", domains=("example.com",)))
        settings, realm = load_replica(layout.replicas[0]), load_client(layout.client).realms[0]
        fill(settings, range(7), epoch_size=3)
        store = open_store(settings)
        self.addCleanup(store.close)
        tree = MerkleTree(store, b"", 1 << 20)
        find = Indices(store, suite(settings.suite), settings.vrf_secret).find
        lookups = Lookups(store, tree, find, 0, 1 << 20)
        lookups.start(read_state(store), frontier.read(store, frontier.read_numbers(store)))
        self.assertEqual(lookups.newest, 3)
        for number in range(7):
            user_id = Person(number).user_id
            proof = lookups.lookup(lookup_request(realm, user_id)).message()
            verified = verify_lookup(realm, user_id, proof, time.time())
            self.assertIsNotNone(verified.entry)
            self.assertEqual(len(proof.profile), PROFILE_BYTES)
