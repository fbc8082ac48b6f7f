"""What a provider's operator does with the replicas of a realm, from a shell: ``coname cluster``."""
