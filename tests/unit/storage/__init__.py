"""Storage, one noun at a time."""
