"""A study from its launch to its last commit; and how one is stopped or replayed."""
