"""Networks as slices of batched products: their parts, their weights, their gradients."""
