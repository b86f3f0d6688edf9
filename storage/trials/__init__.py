"""Trials as rows: an Optuna storage of our own, and its batches."""
