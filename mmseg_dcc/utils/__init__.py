"""Helpers that several parts of the package and its tools share."""
