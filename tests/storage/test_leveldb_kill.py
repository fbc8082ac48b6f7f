"""A process that is killed in the middle of its writes keeps what was synced, and a prefix of the rest."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from coname.storage.leveldb import LevelDBStore

from .folders import new_path

WRITER = """
import os, sys
from coname.interfaces import Put
from coname.storage import leveldb
leveldb.WRITE_BUFFER_BYTES = 256 << 10  # many log files and tables
store = leveldb.LevelDBStore(sys.argv[1], create=True)
number = int(store.get(b"last") or 0)
while True:
    number += 1
    sync = number % 7 == 0
    store.write([Put(b"n%08d" % number, os.urandom(1000)), Put(b"last", b"%d" % number)], sync)
    if sync:
        print(number, flush=True)
"""


class KillTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = new_path(self)
        self.synced = 0

    def write_and_kill(self, lines: int) -> None:
        """Run the writer until it has said that many times what is synced; kill it at once."""
        command = [sys.executable, "-c", WRITER, os.fspath(self.path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            for _ in range(lines):
                self.synced = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            rest = writer.stdout.read().splitlines()
            if rest and rest[-1]:
                self.synced = max(self.synced, int(rest[-1]))

    def check(self) -> None:
        store = LevelDBStore(self.path, create=False)
        self.addCleanup(store.close)
        last = int(store.get(b"last"))
        self.assertGreaterEqual(last, self.synced)
        keys = [key for key, _ in store.iterate(b"n", b"o")]
        self.assertEqual(keys, [b"n%08d" % number for number in range(1, last + 1)])
        store.close()

    def test_nothing_synced_is_lost_over_many_kills(self) -> None:
        rounds = random.Random(5)
        for _ in range(6):
            self.write_and_kill(rounds.randrange(1, 200))
            self.check()
