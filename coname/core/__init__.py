"""Pure computation: what must be true of an index, a tree, a signature, an update, an answer.

Rules of this room, which `tests/core/test_imports.py` holds it to:

* Bytes and messages in, a value or one declared error out. No file, no socket, no clock, no thread, no Twisted: the
  time is an argument. Randomness is drawn where a key is made, and nowhere else.
* Bytes that were signed or hashed are kept as received. A message that is parsed and serialised again need not give
  the same bytes, so nothing here does that before it hashes or checks.
* Whatever comes from outside may be hostile. A check that fails raises the error its docstring names, with what was
  expected and what was found; no input may raise anything else, exhaust the stack, or take more than linear time.
* Replicas, verifiers and clients call the very same functions, so that none is laxer than another.

Where to look: `lookup` is the verification of an answer, and reads as protocol section 8 does; `policies` is the
validity of an update (section 6); `proofs` and `nodes` are the tree (section 5); `vrf` is the private index (section
4); `heads` is the epoch head (section 7); `evidence` judges who broke the rules, with `partial_tree`, the part of a
tree that proofs show, and `transcripts`; `hashes`, `signatures`, `quorums`, `times`, `addresses`, `text`, `wire` and
`types` are what these are made of.
"""
