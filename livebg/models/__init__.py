"""Networks: the catalogue, their weights, their definitions."""
