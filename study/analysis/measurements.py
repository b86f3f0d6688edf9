"""Everything that was measured in a study, loaded once."""

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from storage.database.opening import open_database
from storage.reading.frames import (
    load_layer_statistics,
    load_learning_curves,
    load_members,
    load_replicates,
    load_results,
)
from storage.studies.runs import DATA_SUMMARY, read_run
from storage.studies.splits import ReplicatePurpose, read_splits
from storage.trials.storage import TrialStorage
from study.analysis.trials import in_levels, with_defaults
from study.errors import InvalidInput
from study.specification.spec import Sampler
from study.specification.stored import stored_specification

if TYPE_CHECKING:
    from storage.database.engine import Database
    from storage.studies.runs import StudyRun
    from storage.studies.splits import StoredSplit


@dataclass(frozen=True, eq=False)
class ConfirmationFrames:
    """What chosen trials did on replicates that chose nothing: columns as those of Measurements.

    Trials may have different numbers of them; splits has a row for every one that some trial has.
    """

    replicates: pd.DataFrame
    members: pd.DataFrame
    splits: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Measurements:
    """The frames of one study, and what it was.

    Replicates, members, curves, layers and splits are those of the search; confirmation has those
    of trials that were confirmed, None where none was. data_summary are the lines that say how the
    data were read; an earlier version kept none.

    splits has a row per replicate: purpose, train_examples, validation_index and test_index (arrays
    of data rows, in the order of the correctness bits), majority_validation_accuracy and
    majority_test_accuracy (of always saying the most frequent training class), train_classes,
    validation_classes and test_classes (numbers of examples of each class), groups (how many all
    data have), validation_groups and test_groups (of each example), test_copies (whether a test
    example has the features of a training example). None where there is no such thing, or where an
    earlier version did not record it.
    """

    run: "StudyRun"
    results: pd.DataFrame
    replicates: pd.DataFrame
    members: pd.DataFrame
    learning_curves: pd.DataFrame
    layer_statistics: pd.DataFrame
    splits: pd.DataFrame
    confirmation: ConfirmationFrames | None = None
    data_summary: tuple[str, ...] = ()

    @property
    def specification(self) -> dict[str, Any]:
        """The specification as plain values, every default written out."""
        return self.run.specification

    @property
    def sampler(self) -> Sampler:
        """How the trials' configurations were chosen."""
        return Sampler(self.specification["sampler"])

    @property
    def descriptive(self) -> bool:
        """Whether trials were chosen, or ended, because of other trials' results.

        Such trials are a biased sample of the search space: what holds among them describes them,
        and is no effect.
        """
        return not self.sampler.is_design or self.specification["pruner"] != "none"

    @property
    def complete(self) -> bool:
        """Whether the trials are a whole grid: all there is, not a sample of it."""
        trials = self.results[self.results["duplicate_of"].isna()]
        counts = [
            trials[name].nunique(dropna=False)
            for name in self.specification["search"]
            if name in trials.columns
        ]
        whole = len(trials) == prod(counts) and bool((trials["state"] == "COMPLETE").all())
        return self.sampler.needs_levels and whole


def load_measurements(study: str, storage: str) -> Measurements:
    """Read a study's frames.

    Raises InvalidInput where no trial is complete or the specification is none, and what
    load_results raises.
    """
    from study.specification.space import search_space

    with open_database(storage, create=False) as database:
        run = read_run(database, study)
        # With the defaults of what it was stored without, by an earlier version.
        spec = stored_specification(run.specification, study)
        run = replace(run, specification=spec.document())
        results = in_levels(with_defaults(load_results(study, database)), search_space(spec))
        if not (results["state"] == "COMPLETE").any():
            raise InvalidInput(_why_nothing_is_complete(study, results))
        return Measurements(
            run=run,
            results=results,
            replicates=load_replicates(study, database),
            members=load_members(study, database),
            learning_curves=load_learning_curves(study, database),
            layer_statistics=load_layer_statistics(study, database),
            splits=_splits(database, study),
            confirmation=_confirmation(database, study),
            data_summary=_data_summary(database, run),
        )


def _data_summary(database: "Database", run: "StudyRun") -> tuple[str, ...]:
    kept = TrialStorage(database).get_study_user_attrs(run.study_id).get(DATA_SUMMARY, ())
    return tuple(map(str, kept)) if isinstance(kept, list) else ()


def _why_nothing_is_complete(study: str, results: pd.DataFrame) -> str:
    failed = results[results["state"] == "FAIL"]
    if failed.empty:
        return f"study {study!r} has no complete trial yet; launch it first"
    reason = failed["error"].astype(str).value_counts().index[0]
    count = f"all {len(failed)} trials" if len(failed) > 1 else "the only trial"
    return f"{count} of study {study!r} failed, so there is nothing to report: {reason}"


def _confirmation(database: "Database", study: str) -> ConfirmationFrames | None:
    fresh = ReplicatePurpose.CONFIRMATION
    replicates = load_replicates(study, database, purpose=fresh)
    if replicates.empty:
        return None
    splits = _splits(database, study, fresh)
    return ConfirmationFrames(
        replicates=replicates,
        members=load_members(study, database, purpose=fresh),
        splits=splits[splits["replicate"].isin(replicates["replicate"])].reset_index(drop=True),
    )


def load_splits(study: str, storage: str) -> pd.DataFrame:
    """The splits of a study's search, a row per replicate: the columns of Measurements.splits."""
    with open_database(storage, create=False) as database:
        return _splits(database, study)


def _splits(
    database: "Database", study: str, purpose: ReplicatePurpose = ReplicatePurpose.SEARCH
) -> pd.DataFrame:
    rows = read_splits(database, study, purpose)
    return pd.DataFrame(
        {
            "replicate": [row.replicate for row in rows],
            "purpose": [row.purpose.value for row in rows],
            "train_examples": [row.train_examples for row in rows],
            **{
                name: [_integers(getattr(row, name)) for row in rows]
                for name in (
                    "validation_index",
                    "test_index",
                    "train_classes",
                    "validation_classes",
                    "test_classes",
                    "validation_groups",
                    "test_groups",
                )
            },
            "test_copies": [_bits(row) for row in rows],
            "groups": pd.array([row.groups for row in rows], dtype="Int64"),
            **{
                name: pd.array([getattr(row, name) for row in rows], dtype="float64")
                for name in ("majority_validation_accuracy", "majority_test_accuracy")
            },
        }
    )


def _integers(packed: bytes | None) -> Any:
    return None if packed is None else np.frombuffer(packed, dtype="<i4").astype(np.int64)


def _bits(row: "StoredSplit") -> Any:
    if row.test_copies is None:
        return None
    count = len(row.test_index) // 4
    bits = np.unpackbits(np.frombuffer(row.test_copies, dtype=np.uint8), count=count)
    return bits.astype(bool)
