"""Settings: one schema, read from presets, files, the environment and the command line."""
