"""The database itself: its URL, its engine, its errors, and many rows at once."""
