"""The log on which replicas agree: `coname.interfaces.ILogReplicator` and its engines."""
