"""Studies as rows: their names, runs, leases, queue and splits."""
