"""A coordinator that writes batches for as long as it lives: python -m tests.chaos.storage.writer.

It takes the study's lease as soon as it can, takes back what its predecessor left RUNNING, and
then makes, begins and finishes trials. It prints "writing" once it does, and the name of our error
when it has to stop. Arguments: the database's URL, the lease's seconds, how many trials to a batch.
"""

import sys
import time

from storage.database.opening import open_database
from storage.errors import DatabaseUnreachable, LeaseHeld, LeaseLost
from storage.owners import Owner
from storage.studies.leases import Lease, acquire_lease, renew_lease
from storage.trials.storage import TrialStorage
from tests.integration.storage.studies import finished, new_trial


def main() -> None:
    """Write until stopped."""
    url, seconds, size = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    with open_database(url) as database:
        storage = TrialStorage(database)
        study_id = storage.get_study_id_from_name("digits")
        lease = take(database, seconds)
        print("writing", flush=True)
        try:
            write(storage, study_id, lease, size)
        except LeaseLost as error:
            print(f"LeaseLost: {error}", flush=True)
            sys.exit(3)


def take(database: object, seconds: float) -> Lease:
    while True:
        try:
            return acquire_lease(database, "digits", Owner.this_process(), seconds)
        except LeaseHeld as error:
            time.sleep(min(max(error.seconds_left, 0.01), 0.1))


def write(storage: TrialStorage, study_id: int, lease: Lease, size: int) -> None:
    while True:
        try:
            lease = renew_lease(storage.database, lease)
            left = [trial.number for trial in storage.batches.running_trials(study_id)]
            storage.batches.take_back(study_id, left, lease)
            begun = storage.batches.start_waiting(study_id, lease, limit=size)
            missing = size - len(begun)
            begun += storage.batches.create_trials(study_id, [new_trial()] * missing, lease)
            half = len(begun) // 2
            storage.batches.finish_trials(
                study_id, [finished(t.number) for t in begun[:half]], lease
            )
            storage.batches.finish_trials(
                study_id, [finished(t.number) for t in begun[half:]], lease
            )
            storage.get_all_trials(study_id, deepcopy=False)
        except DatabaseUnreachable:
            time.sleep(0.05)


if __name__ == "__main__":
    main()
