"""What the command lines in ``tools`` call, a module for each.

Nothing is imported here: some of them need packages that others do not.
"""
