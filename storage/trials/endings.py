"""The end of trials in the database: Optuna's rows and ours, and whether they are there already."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from storage.database.attributes import attribute_rows
from storage.tables.schema import results
from storage.trials import reads, writes
from storage.trials.conversion import TrialRows, intermediate_rows, to_utc, value_rows
from storage.trials.records import FinishedTrial
from storage.trials.results import Ending, insert_results


def write_endings(connection: Connection, study: str, endings: Sequence[Ending]) -> None:
    """Write Optuna's rows and ours of RUNNING trials that end. Raises RowsRefused."""
    batch = [
        TrialRows(
            ending.trial_id,
            ending.trial.number,
            ending.trial.state,
            to_utc(ending.started_at),
            to_utc(ending.finished_at),
            values=value_rows(ending.trial.values or ()),
            user_attributes=attribute_rows(ending.trial.user_attributes),
            system_attributes=attribute_rows(ending.trial.system_attributes),
            intermediate_values=intermediate_rows(ending.trial.intermediate_values),
        )
        for ending in endings
    ]
    writes.set_states(
        connection,
        [
            (r.trial_id, r.state, {"datetime_start": r.started, "datetime_complete": r.completed})
            for r in batch
        ],
    )
    # Few trials have reports when they end. The others' rows replace nothing, and are faster.
    reported = reads.trials_with_reports(connection, [rows.trial_id for rows in batch])
    silent = [rows for rows in batch if rows.trial_id not in reported]
    others = [rows for rows in batch if rows.trial_id in reported]
    for field in ("values", "user_attributes", "system_attributes", "intermediate_values"):
        writes.write_children(connection, field, silent, replace=False)
        writes.write_children(connection, field, others)
    insert_results(connection, study, endings)


def written_before(
    connection: Connection, ended: Sequence[FinishedTrial], ids: Mapping[int, int]
) -> frozenset[int]:
    """The numbers of those whose end is in the database already, exactly as it is given here."""
    trial_ids = [ids[trial.number] for trial in ended]
    with_results = set(
        connection.scalars(select(results.c.trial_id).where(results.c.trial_id.in_(trial_ids)))
    )
    stored = {rows.trial_id: rows for rows in reads.read_trials(connection, trial_ids)}
    same = set()
    for trial in ended:
        rows = stored.get(ids[trial.number])
        if rows is not None and rows.trial_id in with_results and rows.state is trial.state:
            values = [tuple(row) for row in sorted(rows.values)]
            if values == value_rows(trial.values or ()):
                same.add(trial.number)
    return frozenset(same)
