"""What searching does to the figures: selection optimism, overtuning, training too long."""
