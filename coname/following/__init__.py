"""How a verifier follows a keyserver: connects again and again, pushes what it signed, tells how far it is.

What it verifies and signs is the verifier room's; how the network is spoken to is the protocols'.
"""
