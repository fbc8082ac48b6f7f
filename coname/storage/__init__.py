"""What stays: `IKeyValueStore` on LevelDB, in memory and traced for tests, and the versioned Merkle tree on top of it.

Damaged or missing data raises `coname.errors.Corrupt`; it is never read as an empty tree or as an absent record.
"""
