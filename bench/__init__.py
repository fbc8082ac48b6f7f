"""How fast the keyserver is on this machine: ``python -m bench``, or ``make bench``.

- `bench.dataset`: realms with thousands of registered users, made once and kept in ``bench/_data``;
- `bench.server`: a keyserver started through twistd on a copy of one of them;
- `bench.verifying`: a verifier that follows it, started likewise;
- `bench.replicas`: several of one realm; `bench.probing`: who registers there without pause;
- `bench.processes`: what both have in common;
- `bench.load`: the load generator, a process of its own;
- `bench.measures`: what is measured, each a few lines; of verifiers in `bench.catching_up`, of several replicas in
  `bench.clusters`;
- `bench.table`: the table and the JSON.

Everything talks over TLS on the loopback interface, and the server runs as ``coname init`` configures it.
"""
