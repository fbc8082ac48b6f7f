"""coname: a key directory that proves every answer."""

__version__ = "0.1.0"
