"""Studies in SQL: Optuna's tables and ours, in one database, written in the same transactions.

The doors: storage.engine (open a database), storage.runs (studies), storage.leases (who may write
to one), storage.trials (an Optuna storage, and its batches), storage.reading (DataFrames),
storage.deleting (delete and rename). This file imports none of them, so that `import storage`
costs nothing.
"""
