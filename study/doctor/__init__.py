"""What can be wrong with a database, a cluster or a machine: facts are gathered, then judged."""
