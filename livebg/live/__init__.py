"""The live session: threads, pacing, recovery, privacy guard, statistics."""
