"""Checks of what works on this machine, each with the command that mends what does not."""
