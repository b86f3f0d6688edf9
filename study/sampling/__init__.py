"""Which parameters the next trials have, and which end early: Optuna's samplers and pruners are
used here alone."""
