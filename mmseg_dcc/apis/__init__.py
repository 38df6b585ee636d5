"""Implementations of the command lines in ``tools``, one module for each.

Nothing is imported here, since some modules need additional packages.
"""
