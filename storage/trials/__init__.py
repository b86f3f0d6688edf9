"""Trials as rows: an Optuna storage of our own, with a cache and a coordinator's batches."""
