"""Parts of a report that need no study to have run."""
