"""What is stored, read without a lease: frames, summaries, counts, one trial, the database."""
