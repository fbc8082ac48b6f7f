"""The etcd engine does what every engine does, on a real etcd."""

from __future__ import annotations

from tests.replication.engine_suite import ReplicasSuite
from tests.replication.etcd_case import EtcdCase


class EtcdEngineTests(EtcdCase, ReplicasSuite):
    """Up to three replicas."""
