"""Studies in SQL: Optuna's tables and ours, in one database, written in the same transactions.

Where to start:

    storage.database.opening     open a database; storage.database.engine has its transactions
    storage.studies.runs         make, read and change a study; transitions change its status
    storage.studies.leases       who may write to a study; queue has the studies that wait
    storage.trials.storage       an Optuna storage, with batches for a coordinator
    storage.reading.frames       what was measured, as DataFrames; summaries lists all studies
    storage.studies.deletion     delete and rename a study
    storage.tables               the tables, and the migrations between their versions
    storage.errors               everything that is raised, in one hierarchy

This file imports none of them, so that `import storage` costs nothing.
"""
