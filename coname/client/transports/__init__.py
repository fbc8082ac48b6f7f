"""The ways to a realm's server. Each module is imported only by programs that use it.

- `grpc_aio`: gRPC. For programs on asyncio, and for programs on Twisted whose reactor is the asyncio reactor.
- `https`: the HTTPS front with JSON, by treq. For programs on Twisted, with any reactor.
- `connecting`: makes one of them from a realm's configuration.
"""
