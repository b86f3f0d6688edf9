"""A tree-structured Parzen estimator that proposes in batches, at a cost that stays bounded."""

from study.sampling.tpe.sampler import BatchTPESampler
from study.sampling.tpe.search import ParzenSearch

__all__ = ["BatchTPESampler", "ParzenSearch"]
