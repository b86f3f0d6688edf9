"""What networks predict: one file per task."""
