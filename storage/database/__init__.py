"""The database itself: its URL, engine and schema, its errors, and rows in bulk."""
