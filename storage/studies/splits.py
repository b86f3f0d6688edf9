"""Which examples each replicate of a study validates and tests on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from sqlalchemy import delete, insert, select

from storage.database.engine import Database
from storage.studies.leases import Lease, fence
from storage.studies.names import missing_study
from storage.tables.schema import splits, study_runs


class ReplicatePurpose(StrEnum):
    """What a replicate is for: to choose among trials, or to confirm trials that were chosen, with
    seeds and splits that chose nothing."""

    SEARCH = "search"
    CONFIRMATION = "confirmation"


@dataclass(frozen=True, slots=True)
class StoredSplit:
    """One replicate's division of the data, as its row has it.

    The indices are little-endian 32-bit integers, in the order of the correctness bits of
    `replicates`. majority_* is the accuracy of always answering the training split's most
    frequent class; None where the data has no such split.

    purpose is what the replicate is for. *_classes are the numbers of examples of each class on a
    side (of train: with the labels trained on), little-endian 32-bit integers; None where the task
    has no classes. groups is how many groups all the data have, and *_groups the group of every
    validation or test example, as the indices are; None where examples are independent.
    test_copies has one bit per test example, set where a training example has the same features.
    None is also what an earlier version did not record.
    """

    replicate: int
    train_examples: int
    validation_index: bytes
    test_index: bytes
    majority_validation_accuracy: float | None = None
    majority_test_accuracy: float | None = None
    purpose: ReplicatePurpose = ReplicatePurpose.SEARCH
    train_classes: bytes | None = None
    validation_classes: bytes | None = None
    test_classes: bytes | None = None
    groups: int | None = None
    validation_groups: bytes | None = None
    test_groups: bytes | None = None
    test_copies: bytes | None = None


def write_splits(
    database: Database,
    lease: Lease,
    rows: Sequence[StoredSplit],
    purpose: ReplicatePurpose = ReplicatePurpose.SEARCH,
) -> None:
    """Store the study's splits of one purpose, which all rows have, in place of any of it that
    there are. Raises LeaseLost."""
    with database.write() as connection:
        fence(connection, lease)
        own = (splits.c.study_id == lease.study_id) & (splits.c.purpose == purpose.value)
        connection.execute(delete(splits).where(own))
        if rows:
            values = [{"study_id": lease.study_id, **asdict(row)} for row in rows]
            connection.execute(insert(splits), values)


def read_splits(
    database: Database, study: str, purpose: ReplicatePurpose = ReplicatePurpose.SEARCH
) -> list[StoredSplit]:
    """The study's splits of one purpose by replicate; none before they are written.

    Raises StudyNotFound, StudyWithoutRun.
    """
    with database.read() as connection:
        study_id = connection.scalar(
            select(study_runs.c.study_id).where(study_runs.c.study == study)
        )
        if study_id is None:
            raise missing_study(connection, study)
        columns = [column for column in splits.c if column.name != "study_id"]
        own = (splits.c.study_id == study_id) & (splits.c.purpose == purpose.value)
        query = select(*columns).where(own).order_by(splits.c.replicate)
        rows = [StoredSplit(**row) for row in connection.execute(query).mappings()]
    return [replace(row, purpose=ReplicatePurpose(row.purpose)) for row in rows]


def constant_test_accuracy(splits: Sequence[StoredSplit]) -> float | None:
    """The test accuracy of always saying the most frequent training class, over the replicates of
    the search that know it; None where none does."""
    rates = [
        split.majority_test_accuracy
        for split in splits
        if split.purpose is ReplicatePurpose.SEARCH and split.majority_test_accuracy is not None
    ]
    return sum(rates) / len(rates) if rates else None
