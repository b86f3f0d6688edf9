"""A tree-structured Parzen estimator that proposes in batches, at a cost that stays bounded."""
