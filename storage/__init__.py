"""Studies in SQL: Optuna's tables and ours, in one database, written in the same transactions.

The doors: storage.database.engine (open a database), storage.studies.runs (studies),
storage.studies.leases (who may write to one), storage.trials.storage (an Optuna storage, and its
batches), storage.reading.frames (DataFrames), storage.studies.deletion (delete and rename). This
file imports none of them, so that `import storage` costs nothing.
"""
