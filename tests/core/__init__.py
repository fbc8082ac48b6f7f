"""Tests of `coname.core`: against the original's vectors, against attacks, and against arbitrary input."""
