"""Trained ensembles that leave the product: exported, read back, and predicting."""
