"""Network definitions, as torch modules."""
