"""Training a segment: examples, programs, optimizers, states, and what is measured."""
