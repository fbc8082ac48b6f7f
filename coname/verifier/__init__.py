"""The verifier: replays what a keyserver ratifies, and signs only what is right (protocol section 7).

Nothing here talks to the network, reads a clock or knows Twisted. Steps of the verifier log and the time go in;
signatures and evidence come out, after they are in the database.

===============  ===============================================================================================
`replay`         the one class that others use: streams begin, batches become durable, signatures are owed
`stream`         the way of a step
`history`        what was verified: the tree, the entries, the heads, the own signatures
`open_epoch`     the updates since the last head
`head_checks`    what must hold of a head, by itself and after the one before
`watching`       heads that are only compared: after a violation, or in a history that was told before
`bundles`        what goes into evidence, rule by rule
`casebook`       evidence and violations in the database, and out of it
`violations`     the rules' names
`tables`         where each kind of record lives
`waiting_store`  writes of several epochs that become durable together
`signatures`     signatures that were checked ahead
===============  ===============================================================================================
"""
