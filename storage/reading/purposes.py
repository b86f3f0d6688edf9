"""What the replicates of a row are for, which the splits of its study say."""

from typing import Any

from sqlalchemy import Column, ColumnElement, Select, and_, func

from storage.studies.splits import ReplicatePurpose
from storage.tables.schema import results, splits, study_runs


def with_purposes(
    query: Select[Any], replicate: Column[int], purpose: ReplicatePurpose | None
) -> tuple[Select[Any], ColumnElement[str]]:
    """The query, which has results in it, limited to replicates of one purpose (None: of any), and
    the column of their purpose.

    A replicate whose split was never written is one of the search: confirmations write their splits
    first.
    """
    of_replicate = and_(splits.c.study_id == study_runs.c.study_id, splits.c.replicate == replicate)
    joined = query.outerjoin(study_runs, study_runs.c.study == results.c.study)
    joined = joined.outerjoin(splits, of_replicate)
    stored = func.coalesce(splits.c.purpose, ReplicatePurpose.SEARCH.value).label("purpose")
    return (joined if purpose is None else joined.where(stored == purpose.value)), stored
