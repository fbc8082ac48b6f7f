"""Tests of `coname.config` and `coname.configuration`."""
