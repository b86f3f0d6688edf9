"""How sure a mean, a share or a difference is."""
