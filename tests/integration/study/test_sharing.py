"""A study fills its share of a cluster's slots, and says how many it could use."""

from typing import Any

import pytest

from storage.owners import Owner
from storage.studies.cluster_demand import write_demand
from storage.studies.leases import acquire_lease
from storage.studies.queue import claim_next
from storage.studies.transitions import set_status
from storage.tables.status import RunStatus
from study.coordinator.coordinator import Ending
from study.launching.lease import Heartbeat
from study.launching.plan import make_plan
from study.launching.run import create_study, run_coordinator
from study.launching.sharing import fair_share
from study.monitoring.progress import NoProgress
from tests.integration.study.bench import spec_of
from tests.service_processes import queue
from workers.pools.simulated import SimulatedPool
from workers.segment import Segment


class SharedPool(SimulatedPool):
    """Slots of a cluster that others use as well; most: that were filled at once."""

    cluster = "shared"

    def __init__(self, slots: int) -> None:
        super().__init__(slots, seconds_of=lambda segment: 1.0 + segment.trials[0].trial)
        self.most = 0
        self._flying: set[int] = set()

    def submit(self, segment: Segment, states: Any = ()) -> int:
        ticket = super().submit(segment, states)
        self._flying.add(ticket)
        self.most = max(self.most, len(self._flying))
        return ticket

    def collect(self, timeout: float) -> Any:
        arrived = super().collect(timeout)
        self._flying -= {completion.ticket for completion in arrived}
        return arrived


@pytest.mark.parametrize(
    ("wanted_by_others", "most"), [([], 8), ([8], 4), ([2], 6), ([8, 8, 8], 2)]
)
def test_no_more_than_the_share_is_filled(bench, wanted_by_others, most):
    pool = SharedPool(slots=8)
    small = ("training.replicates=1", "search.ensemble_size=1", "search.width=16")
    coordinator = bench.coordinator(spec_of(*small, trials=400), pool)
    coordinator.dispatcher.share = lambda slots: fair_share(slots, wanted_by_others)
    assert coordinator.run() is Ending.BUDGET
    assert pool.most == most


def test_a_study_wants_every_slot_until_its_trials_run_out(bench):
    coordinator = bench.coordinator(spec_of(trials=40), SharedPool(slots=4))
    wanted: list[int] = []
    coordinator.want_slots = wanted.append
    coordinator.run()
    assert wanted[0] == 4
    assert wanted[-1] < 4


def test_what_another_study_wants_is_heard_through_the_database(bench):
    queue(bench.url, "other")
    other = claim_next(bench.database, Owner("elsewhere", 1), 60.0)
    assert other is not None
    write_demand(bench.database, other, "shared", 8)
    plan = make_plan(spec_of("name=mine", "data.source=wine", trials=200))
    run = create_study(bench.database, plan.spec)
    lease = acquire_lease(bench.database, "mine", Owner.this_process(), 60.0)
    set_status(bench.database, lease, RunStatus.RUNNING)
    pool = SharedPool(slots=8)
    with Heartbeat(bench.database, lease) as heartbeat:
        ending = run_coordinator(
            *(bench.database, run, plan, heartbeat, pool, NoProgress()),
            on_stopped=lambda lease: None,
            on_pool_lost=lambda lease, reason: None,
        )
    assert ending is Ending.BUDGET
    assert pool.most == 4
