"""How layers follow on each other: one file per topology, and the layout they share."""
