"""What is made of a report's pictures elsewhere: PNG, and notes in the Optuna dashboard."""
