"""Which parameters the next trials have, and which end early: the doors to Optuna."""
