"""The loop of a running study, and what it decides with: asks, cohorts, failures, rows."""
