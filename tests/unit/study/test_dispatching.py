"""A study that is stopped while its pool trains in the foreground."""

import pytest

from study.coordinator.dispatcher import Dispatcher
from workers.configuration import TrainingSettings
from workers.data import DataSource, load_dataset
from workers.pools.pool import Completion
from workers.pools.serial import SerialPool


class Endless(SerialPool):
    """Trains for ever, and is interrupted from within where that is asked for."""

    interrupt = None

    def collect(self, timeout: float) -> tuple[Completion, ...]:
        if self.interrupt is None:
            pytest.fail("it would train for ever")
        self.interrupt()
        pytest.fail("the interrupt did not end the training")


def dispatcher_on(pool: Endless) -> Dispatcher:
    settings = TrainingSettings(epochs=1, replicates=1)
    return Dispatcher(pool, settings, seed=0, label_noise=0.0, next_stop=lambda _: 1)


def test_an_interrupt_ends_the_training():
    pool = Endless(load_dataset(DataSource("wine")))
    dispatcher = dispatcher_on(pool)
    pool.interrupt = dispatcher.interrupt
    assert dispatcher.collect_results(0.0) == []


def test_an_interrupt_just_before_the_training_keeps_it_from_beginning():
    dispatcher = dispatcher_on(Endless(load_dataset(DataSource("wine"))))
    dispatcher.interrupt()
    assert dispatcher.collect_results(0.0) == []
