"""What the hyperparameters do to a quantity."""
