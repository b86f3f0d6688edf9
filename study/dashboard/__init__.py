"""Optuna's dashboard behind a guard, with our reports in it.

    request ─► guard ─► Optuna's application, with our pages, and our way to rename and delete
                 │
                 ├─ 421  a Host that is not its name            access.py decides,
                 ├─ 401  neither token nor session              guard.py acts
                 ├─ 403  a change where only reading is allowed, or that another site asked for
                 └─ 503  the database is away

The first three are decided on the request alone, before any of it reaches Optuna's code.
"""
