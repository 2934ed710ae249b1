"""Compositing: background plates and the blend."""
