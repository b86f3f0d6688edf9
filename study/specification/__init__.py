"""What is asked for: a specification, read, validated and turned into a search space."""
