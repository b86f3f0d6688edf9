"""What runs on the cluster: data, networks, training, measuring, and the pools that carry it.

No SQL and no Optuna here. Only Ray's pool imports ray, and torch is imported by the modules that
compute with it, so that the coordinator can use the values of this package without either.
"""
