"""Pictures of what happened inside trials, and any picture as PNG."""
