"""The list of all studies, each with how far it has come."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from storage.database.engine import Database
from storage.studies.optuna_studies import read_directions
from storage.studies.runs import StudyRun, run_of_row
from storage.tables.optuna_schema import trial_values, trials
from storage.tables.schema import results, study_runs


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A study and how far it has come.

    trials counts by Optuna's state ("COMPLETE", "RUNNING", …); a state that no trial is in is
    absent. best_values holds the best finite value of each objective, None before the first.
    """

    run: StudyRun
    trials: dict[str, int]
    best_values: tuple[float | None, ...]


def list_runs(database: Database) -> list[RunSummary]:
    """All runs, oldest first, with their trials by state and their best values."""
    with database.read() as connection:
        directions = read_directions(connection)
        counts: dict[int, dict[str, int]] = {}
        columns = (trials.c.study_id, trials.c.state)
        for study_id, state, count in connection.execute(
            select(*columns, func.count()).group_by(*columns)
        ):
            counts.setdefault(study_id, {})[state] = count
        best = _best_values(connection, directions)
        rows = connection.execute(select(study_runs).order_by(study_runs.c.created_at)).all()
        return [
            RunSummary(
                run_of_row(row, directions[row.study_id]),
                counts.get(row.study_id, {}),
                tuple(best.get((row.study_id, o)) for o in range(len(directions[row.study_id]))),
            )
            for row in rows
        ]


def _best_values(
    connection: Connection, directions: dict[int, tuple[str, ...]]
) -> dict[tuple[int, int], float]:
    columns = (trials.c.study_id, trial_values.c.objective)
    values = trial_values.c.value
    query = (
        select(*columns, func.min(values), func.max(values))
        .join(trials, trials.c.trial_id == trial_values.c.trial_id)
        # What other programs added was not measured: it has no results.
        .join(results, results.c.trial_id == trials.c.trial_id)
        .where(trials.c.state == "COMPLETE", values.is_not(None))
        .group_by(*columns)
    )
    return {
        (study, objective): low if directions[study][objective] == "MINIMIZE" else high
        for study, objective, low, high in connection.execute(query)
    }
