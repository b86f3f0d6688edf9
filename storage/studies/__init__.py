"""Studies as rows: names, runs and their status, leases, the queue, splits, and deletion."""
