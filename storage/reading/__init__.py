"""What is stored, as tables and counts, for whoever reads it."""
