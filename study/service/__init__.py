"""A service for a team: studies are queued in the database, and whoever serves it runs them."""
