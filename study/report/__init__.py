"""What a study shows, for a person: a page that needs no network, Markdown, or single pictures."""
