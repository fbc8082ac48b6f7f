"""Pure computation: hashes, indices, proofs, policies. No Twisted, no files, no sockets, no clock."""
