"""Further replicates of complete trials: they lie beside those of the search and change nothing of
them."""

from dataclasses import replace

import pytest

from storage.database.engine import Database
from storage.errors import LeaseLost, TrialNotFound
from storage.reading.frames import (
    load_layer_statistics,
    load_learning_curves,
    load_members,
    load_replicates,
    load_results,
)
from storage.reading.recorded_trial import read_recorded_trial
from storage.studies.cluster_demand import read_demand, write_demand
from storage.studies.deletion import delete_study, rename_study
from storage.studies.leases import release_lease
from storage.studies.splits import ReplicatePurpose, StoredSplit, read_splits, write_splits
from storage.studies.transitions import set_status
from storage.tables.status import RunStatus
from storage.trials.confirmations import (
    confirmation_environments,
    confirmed_replicates,
    write_confirmations,
)
from storage.trials.records import Confirmation
from storage.trials.storage import TrialStorage
from tests.integration.storage.studies import (
    curve_row,
    finished,
    layer_row,
    make_run,
    member_row,
    new_trial,
    replicate_row,
    take_lease,
)
from tests.integration.storage.test_following import none_of, rows

CONFIRMATION = ReplicatePurpose.CONFIRMATION
LOADERS = (load_replicates, load_members, load_learning_curves, load_layer_statistics)


def split_of(number: int, purpose: ReplicatePurpose) -> StoredSplit:
    return StoredSplit(number, 10, b"\x01\x00\x00\x00", b"\x02\x00\x00\x00", purpose=purpose)


def confirmation_of(number: int, first: int = 2, count: int = 3) -> Confirmation:
    numbers = range(first, first + count)
    return Confirmation(
        number,
        "here",
        replicates=[replicate_row(r) for r in numbers],
        members=[member_row(r, 0) for r in numbers],
        learning_curves=[curve_row(r, 1) for r in numbers],
        layer_statistics=[layer_row(r, 1) for r in numbers],
    )


def searched(database: Database):
    """A study of three complete trials of two replicates each, and its lease."""
    study_id = make_run(database).study_id
    lease = take_lease(database)
    storage = TrialStorage(database)
    storage.batches.create_trials(study_id, [new_trial()] * 4, lease)
    storage.batches.finish_trials(study_id, [finished(n) for n in range(3)], lease)
    write_splits(database, lease, [split_of(r, ReplicatePurpose.SEARCH) for r in range(2)])
    return lease


def confirmed(database: Database):
    """The same, of which trial 1 is confirmed."""
    lease = searched(database)
    fresh = [split_of(r, CONFIRMATION) for r in range(2, 5)]
    write_splits(database, lease, fresh, CONFIRMATION)
    write_confirmations(database, lease, [confirmation_of(1)])
    return lease


def test_a_confirmation_changes_nothing_of_what_the_search_measured(database: Database):
    lease = searched(database)
    before = [load("digits", database) for load in (load_results, *LOADERS)]
    trial = read_recorded_trial(database, "digits", 1)
    splits = read_splits(database, "digits")
    fresh = [split_of(r, CONFIRMATION) for r in range(2, 5)]
    write_splits(database, lease, fresh, CONFIRMATION)
    write_confirmations(database, lease, [confirmation_of(1)])
    after = [load("digits", database) for load in (load_results, *LOADERS)]
    for one, other in zip(before, after, strict=True):
        assert one.equals(other)
    assert read_recorded_trial(database, "digits", 1) == trial
    assert read_splits(database, "digits") == splits


def test_replicates_say_what_they_are_for(database: Database):
    confirmed(database)
    frame = load_replicates("digits", database, purpose=None)
    fresh = frame[frame["purpose"] == "confirmation"]
    assert fresh["trial"].tolist() == [1, 1, 1]
    assert fresh["replicate"].tolist() == [2, 3, 4]
    assert (frame["purpose"] == "search").sum() == 6
    assert set(load_replicates("digits", database)["purpose"]) == {"search"}
    for load in LOADERS:
        own = load("digits", database, purpose="confirmation")
        assert own["trial"].unique().tolist() == [1]
        assert own["replicate"].unique().tolist() == [2, 3, 4]
        both = load("digits", database, purpose=None)
        assert len(both) == len(own) + len(load(None, database))
    recorded = read_recorded_trial(database, "digits", 1, CONFIRMATION)
    assert [row["replicate"] for row in recorded.members] == [2, 3, 4]
    assert confirmed_replicates(database, "digits") == {1: 3}
    with pytest.raises(ValueError, match="luck"):
        load_replicates("digits", database, purpose="luck")


def test_the_splits_of_one_purpose_are_replaced_and_the_others_stay(database: Database):
    lease = confirmed(database)
    write_splits(database, lease, [split_of(r, ReplicatePurpose.SEARCH) for r in range(2)])
    assert [s.replicate for s in read_splits(database, "digits", CONFIRMATION)] == [2, 3, 4]
    longer = [split_of(r, CONFIRMATION) for r in range(2, 7)]
    write_splits(database, lease, longer, CONFIRMATION)
    assert read_splits(database, "digits", CONFIRMATION) == longer
    assert [s.replicate for s in read_splits(database, "digits")] == [0, 1]


def test_what_was_written_is_not_written_twice(database: Database):
    lease = confirmed(database)
    before = rows(database)
    write_confirmations(database, lease, [confirmation_of(1)])
    assert rows(database) == before
    write_splits(database, lease, [split_of(r, CONFIRMATION) for r in range(2, 7)], CONFIRMATION)
    further = replace(confirmation_of(1, first=5, count=2), fingerprint="elsewhere")
    write_confirmations(database, lease, [confirmation_of(1), further, confirmation_of(2)])
    assert confirmed_replicates(database, "digits") == {1: 5, 2: 3}
    assert confirmation_environments(database, lease.study_id, 1) == {"here", "elsewhere"}
    assert confirmation_environments(database, lease.study_id, 2) == {"here"}
    assert confirmation_environments(database, lease.study_id, 0) == frozenset()


def test_a_trial_that_is_not_complete_takes_no_confirmation_and_nothing_is_written(
    database: Database,
):
    lease = searched(database)
    before = rows(database)
    with pytest.raises(TrialNotFound, match="'digits' has no complete trial 3"):
        write_confirmations(database, lease, [confirmation_of(0), confirmation_of(3)])
    assert rows(database) == before


def test_who_lost_the_lease_writes_no_confirmation(database: Database):
    lease = searched(database)
    before = rows(database)
    release_lease(database, lease)
    for write in (
        lambda: write_confirmations(database, lease, [confirmation_of(1)]),
        lambda: write_splits(database, lease, [split_of(2, CONFIRMATION)], CONFIRMATION),
    ):
        with pytest.raises(LeaseLost):
            write()
    assert rows(database) == before


def test_confirmations_follow_a_study_that_is_renamed_and_go_with_one_that_is_deleted(
    database: Database,
):
    lease = confirmed(database)
    release_lease(database, lease)
    rename_study(database, "digits", "other")
    assert confirmed_replicates(database, "other") == {1: 3}
    assert len(load_replicates("other", database, purpose="confirmation")) == 3
    assert confirmation_environments(database, lease.study_id, 1) == {"here"}
    delete_study(database, "other")
    assert rows(database) == none_of(rows(database))


def test_optunas_own_delete_takes_confirmations_along(database: Database):
    lease = confirmed(database)
    release_lease(database, lease)
    TrialStorage(database).delete_study(lease.study_id)
    assert rows(database) == none_of(rows(database))


def test_a_study_that_has_ended_and_is_held_has_its_share_of_the_cluster(database: Database):
    make_run(database, "at work")
    mine = take_lease(database, "at work")
    make_run(database, "confirming")
    lease = take_lease(database, "confirming")
    set_status(database, lease, RunStatus.RUNNING)
    set_status(database, lease, RunStatus.FINISHED)
    write_demand(database, lease, "ray:a", 3)
    assert read_demand(database, mine, "ray:a").wanted_by_others == (3,)
    release_lease(database, lease)
    assert read_demand(database, mine, "ray:a").wanted_by_others == ()
