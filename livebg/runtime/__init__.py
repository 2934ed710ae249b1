"""The chain of stages, without threads (pipeline) and with them (session)."""
