"""What an operator sees of running studies: logs and metrics, made of study.monitoring.events."""
