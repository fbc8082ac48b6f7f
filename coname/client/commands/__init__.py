"""The commands of ``coname``, one module each."""
