"""What several parts of the package and its command lines share."""
