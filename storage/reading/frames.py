"""What was measured, as tidy DataFrames: one row per trial, replicate, member, point or layer.

Every frame has `study` and `trial` columns and the columns of its table in storage.tables.schema.
Words are categorical, whole numbers nullable (Int64), truth values nullable (boolean), times in
UTC, everything else float64 with NaN for what was not measured. Rows are sorted by their keys.

Whatever has replicates takes `purpose`: "search", the default, is what the trials were chosen by,
"confirmation" what those that were chosen did on fresh replicates; None is both. Means over both
would mix luck that was selected with luck that was not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sqlalchemy import Column, Connection, Select, Table, select, types

from storage.database.engine import Database
from storage.database.opening import open_database
from storage.reading.purposes import with_purposes
from storage.studies.names import missing_study
from storage.studies.splits import ReplicatePurpose
from storage.tables.schema import (
    UtcDateTime,
    layer_statistics,
    learning_curves,
    members,
    replicates,
    results,
    study_runs,
)

if TYPE_CHECKING:
    import pandas as pd

_FREE_TEXT = frozenset({"error"})  # every other column of text is categorical

Purpose: TypeAlias = ReplicatePurpose | Literal["search", "confirmation"] | None


def load_results(study: str | None, storage: str | Database) -> pd.DataFrame:
    """One row per finished trial of one study, or of all studies with None.

    storage is a database URL or an open database. Raises StudyNotFound, StudyWithoutRun, and what
    open_database raises; nothing is created.
    """
    return _load(results, study, storage, None)


def load_replicates(
    study: str | None, storage: str | Database, *, purpose: Purpose = ReplicatePurpose.SEARCH
) -> pd.DataFrame:
    """One row per trial and replicate, with its purpose; the correctness bits are bytes. As
    load_results."""
    return _load(replicates, study, storage, purpose)


def load_members(
    study: str | None, storage: str | Database, *, purpose: Purpose = ReplicatePurpose.SEARCH
) -> pd.DataFrame:
    """One row per network. As load_results."""
    return _load(members, study, storage, purpose)


def load_learning_curves(
    study: str | None, storage: str | Database, *, purpose: Purpose = ReplicatePurpose.SEARCH
) -> pd.DataFrame:
    """One row per trial, replicate and evaluated epoch. As load_results."""
    return _load(learning_curves, study, storage, purpose)


def load_layer_statistics(
    study: str | None, storage: str | Database, *, purpose: Purpose = ReplicatePurpose.SEARCH
) -> pd.DataFrame:
    """One row per trial, replicate, layer and recorded epoch. As load_results."""
    return _load(layer_statistics, study, storage, purpose)


def _load(
    table: Table, study: str | None, storage: str | Database, purpose: Purpose
) -> pd.DataFrame:
    wanted = None if purpose is None else ReplicatePurpose(purpose)
    if isinstance(storage, Database):
        with storage.read() as connection:
            return _frame(connection, table, study, wanted)
    with open_database(storage, create=False) as database, database.read() as connection:
        return _frame(connection, table, study, wanted)


def _frame(
    connection: Connection, table: Table, study: str | None, purpose: ReplicatePurpose | None
) -> pd.DataFrame:
    import pandas as pd

    if study is not None:
        known = select(study_runs.c.study_id).where(study_runs.c.study == study)
        if connection.scalar(known) is None:
            raise missing_study(connection, study)
    query, columns = _query(table, study, purpose)
    rows = connection.execute(query).all()
    names = [column.name for column in columns]
    by_column = list(zip(*rows, strict=True)) if rows else [() for _ in names]
    return pd.DataFrame(
        {
            column.name: _series(column, values)
            for column, values in zip(columns, by_column, strict=True)
        }
    )


def _query(
    table: Table, study: str | None, purpose: ReplicatePurpose | None
) -> tuple[Select[Any], list[Column[Any]]]:
    own = [column for column in table.c if column.name not in {"trial_id", "study", "trial"}]
    columns = [results.c.study, results.c.trial, *own]
    query = select(*columns)
    if table is not results:
        query = query.join_from(table, results, table.c.trial_id == results.c.trial_id)
        query, stored = with_purposes(query, table.c.replicate, purpose)
        if table is replicates:
            query = query.add_columns(stored)
            columns.append(Column("purpose", types.String()))
    if study is not None:
        query = query.where(results.c.study == study)
    keys = [column for column in table.primary_key.columns if column.name != "trial_id"]
    return query.order_by(results.c.study, results.c.trial, *keys), columns


def _series(column: Column[Any], values: tuple[Any, ...]) -> Any:
    import pandas as pd

    match column.type:
        case types.Boolean():
            return pd.array(values, dtype="boolean")
        case types.Integer():
            # Keys are never missing, and plain integers are what NumPy works with.
            return pd.array(values, dtype="Int64" if column.nullable else "int64")
        case types.Float():
            return pd.array(values, dtype="float64")
        case UtcDateTime():
            return pd.DatetimeIndex(values, dtype="datetime64[us, UTC]")
        case types.String() if column.name not in _FREE_TEXT:
            return pd.Categorical(values, categories=sorted({v for v in values if v is not None}))
        case _:
            return pd.Series(values, dtype="object")
