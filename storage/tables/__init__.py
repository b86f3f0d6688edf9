"""Optuna's tables and ours, and how ours came to be."""
