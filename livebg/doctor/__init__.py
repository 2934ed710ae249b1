"""Checks of a machine, each with the command that mends what does not work."""
