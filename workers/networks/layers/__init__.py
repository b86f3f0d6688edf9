"""The layers of many networks as one sequence of batched products, forward and backward."""
