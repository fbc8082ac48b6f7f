"""OpenID Connect, as a relying party: who a provider says that somebody is.

Pure: `keys`, `tokens`, `claims`, `metadata`, `freshness`, `urls`, `sealing`, `underway`. With the network: `fetching`
asks, `cached` remembers, `provider` brings both together, and `login` leads a browser to the provider and back.

Rules that this room keeps:

1. Nothing is asked of an address that a token or a browser names: only the configuration's discovery address, and
   those that the document there names (`urls`).
2. What a token says is looked at only after its signature has been verified, with an algorithm that the key is for.
3. A provider that is slow, silent, or sends what it should not costs one request a few seconds, and memory within
   bounds.
"""
