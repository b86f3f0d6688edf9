"""Further replicates of trials that were complete before: written, and which there are.

A trial's own row of `results` stays as it is: it says what the search saw.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, and_, select

from storage.database.engine import Database
from storage.errors import TrialNotFound
from storage.studies.leases import Lease, fence
from storage.studies.optuna_studies import write_study_attributes
from storage.studies.splits import ReplicatePurpose
from storage.tables.optuna_schema import study_system_attributes
from storage.tables.schema import replicates, results, splits, study_runs
from storage.trials.records import Confirmation
from storage.trials.results import insert_measurements

# A system attribute of the study, one per trial and range of replicates: the environment.
_ENVIRONMENT = "confirmation:{trial}:{replicate}"


def write_confirmations(
    database: Database, lease: Lease, confirmations: Sequence[Confirmation]
) -> None:
    """Write the rows of all of them in one transaction. One whose first replicate is there already
    had got through, though its answer was lost: it is left out.

    Raises LeaseLost, TrialNotFound for a trial that is not complete, RowsRefused.
    """
    with database.write() as connection:
        run = fence(connection, lease)
        ids = _complete_trials(connection, run.study, [c.number for c in confirmations])
        new = [c for c in confirmations if not _is_written(connection, ids[c.number], c)]
        insert_measurements(connection, new, ids)
        environments = {
            _ENVIRONMENT.format(trial=c.number, replicate=_first_replicate(c)): c.fingerprint
            for c in new
        }
        write_study_attributes(connection, study_system_attributes, lease.study_id, environments)


def confirmed_replicates(database: Database, study: str) -> dict[int, int]:
    """How many replicates every confirmed trial of the study has beyond those of the search, by
    number; none for a study that is not there."""
    own = and_(splits.c.study_id == study_runs.c.study_id, splits.c.purpose == _CONFIRMATION)
    query = (
        select(results.c.trial)
        .join_from(replicates, results, replicates.c.trial_id == results.c.trial_id)
        .join(study_runs, study_runs.c.study == results.c.study)
        .join(splits, and_(own, splits.c.replicate == replicates.c.replicate))
        .where(results.c.study == study)
    )
    with database.read() as connection:
        return dict(sorted(Counter(connection.scalars(query)).items()))


def confirmation_environments(database: Database, study_id: int, trial: int) -> frozenset[str]:
    """The fingerprints of the environments that a trial was confirmed in."""
    prefix = _ENVIRONMENT.format(trial=trial, replicate="")
    attributes = study_system_attributes.c
    query = select(attributes.value_json).where(
        attributes.study_id == study_id, attributes.key.startswith(prefix, autoescape=True)
    )
    with database.read() as connection:
        return frozenset(str(json.loads(text)) for text in connection.scalars(query))


_CONFIRMATION = ReplicatePurpose.CONFIRMATION.value


def _complete_trials(
    connection: Connection, study: str, numbers: Sequence[int]
) -> Mapping[int, int]:
    query = select(results.c.trial, results.c.trial_id).where(
        results.c.study == study, results.c.trial.in_(numbers), results.c.state == "COMPLETE"
    )
    ids = {row.trial: row.trial_id for row in connection.execute(query)}
    if missing := sorted(set(numbers) - set(ids)):
        raise TrialNotFound(f"study {study!r} has no complete trial {missing[0]}")
    return ids


def _is_written(connection: Connection, trial_id: int, confirmation: Confirmation) -> bool:
    own = (replicates.c.trial_id == trial_id) & (
        replicates.c.replicate == _first_replicate(confirmation)
    )
    return connection.scalar(select(replicates.c.trial_id).where(own)) is not None


def _first_replicate(confirmation: Confirmation) -> int:
    return min(int(row["replicate"]) for row in confirmation.replicates)
