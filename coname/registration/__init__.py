"""Proofs that an address is its owner's, asked for when an address is registered (protocol section 11).

`proof` has what all kinds share, and `registrar` the decision; each kind is a checker in a file of its own.
"""
