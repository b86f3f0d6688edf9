"""The networks of a segment while they are trained, evaluated, frozen and measured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from workers.networks.network import (
    GPU_OVERHEAD,
    OVERHEAD,
    Network,
    enumerate_networks,
    group_networks,
)
from workers.networks.topologies.registry import count_parameters
from workers.segment import CURVE_EXAMPLES, Segment, TrialMeasurements, TrialWork
from workers.tasks.task import Predictions
from workers.training.examples import Examples
from workers.training.layer_statistics import average_layers, probe_layers
from workers.training.measurements import evaluation_epochs, measure_curve_point, measure_replicate
from workers.training.metrics import GroundTruth
from workers.training.program import Program
from workers.training.states import NetworkState, TrialState

Key = tuple[int, int, int]  # trial, replicate, member


@dataclass(eq=False)
class Cohort:
    """The networks of a segment while it is trained; programs hold those that are still trained."""

    segment: Segment
    examples: Examples

    def __post_init__(self) -> None:
        segment, examples = self.segment, self.examples
        self.networks = {
            (n.trial, n.replicate, n.member): n
            for n in enumerate_networks(segment.trials, segment.settings, segment.first_replicate)
        }
        self.truths = {
            (work.trial, replicate): examples.truth(work.configuration, replicate)
            for work in segment.trials
            for replicate in segment.replicates
        }
        self.predictions: dict[Key, Predictions] = {}
        self.overflowing: set[Key] = set()
        self.trials = {
            work.trial: TrialState(
                work=work,
                epoch=segment.first_epoch,
                networks={},
                curve=((),) * segment.settings.replicates,
                layers=((),) * segment.settings.replicates,
            )
            for work in segment.trials
        }
        self.curve_epochs = evaluation_epochs(segment.settings.epochs, segment.settings.evaluations)
        self.programs: list[Program] = []

    def _build(self, networks: Sequence[Network]) -> list[Program]:
        counts = {r: len(self.examples.split(r).train) for r in self.segment.replicates}
        overhead = GPU_OVERHEAD if self.examples.features.is_cuda else OVERHEAD
        return [
            Program(group, self.examples, self.segment.settings, self.segment.seed)
            for group in group_networks(networks, counts, overhead)
        ]

    def _state(self, network: Network) -> NetworkState:
        return self.trials[network.trial].networks[network.replicate, network.member]

    def initialize(self) -> None:
        """Draw all initial weights, and measure the layers before training."""
        self.programs = self._build(list(self.networks.values()))
        for program in self.programs:
            for k, network in enumerate(program.networks):
                program.initialize(k)
                own = self.trials[network.trial].networks
                own[network.replicate, network.member] = _take(program, k)
        self._probe(self.programs, 0)

    def restore(self, states: Sequence[TrialState]) -> None:
        """Go on from the states of an earlier segment, which are not changed."""
        for state in states:
            own = {key: replace(network) for key, network in state.networks.items()}
            self.trials[state.work.trial] = replace(state, networks=own)
        self._rebuild()
        self._predict([k for k in self.networks.values() if not self._is_training(k)])

    def _is_training(self, network: Network) -> bool:
        state = self._state(network)
        return not (state.stopped or state.diverged)

    def _rebuild(self) -> None:
        """Programs of the networks that are still trained, from their states."""
        training = [network for network in self.networks.values() if self._is_training(network)]
        self.programs = self._build(training)
        for program in self.programs:
            for k, network in enumerate(program.networks):
                _put(program, k, self._state(network))

    def train(self) -> None:
        """All epochs of the segment."""
        for epoch in range(self.segment.first_epoch + 1, self.segment.last_epoch + 1):
            for program in self.programs:
                program.train_epoch(epoch)
            self._freeze(epoch)
            if epoch in self.curve_epochs:
                self._extend_curves(epoch)

    def _freeze(self, epoch: int) -> None:
        """Take networks that diverged or stopped early out of their programs."""
        frozen = False
        for program in self.programs:
            finite = program.weights.finite().tolist()
            for k, network in enumerate(program.networks):
                if not finite[k]:
                    self._state(network).diverged = True
                    self.predictions[_key(network)] = self._fallback(network)
                    frozen = True
        if self._stop_early(epoch) or frozen:
            self._save()
            stopped = [
                network
                for program in self.programs
                for network in program.networks
                if self._state(network).stopped
            ]
            self._rebuild()
            self._predict(stopped)

    def _stop_early(self, epoch: int) -> bool:
        """Keep the weights of the best epochs; whether a network's patience ended."""
        ended = False
        for program in self.programs:
            patience = [n.configuration.early_stopping_patience for n in program.networks]
            if all(p is None for p in patience):
                continue
            validation = [self.truths[n.trial, n.replicate].validation for n in program.networks]
            predicted = program.predict(validation)
            for k, network in enumerate(program.networks):
                state, allowed = self._state(network), patience[k]
                if allowed is None or state.diverged:
                    continue
                target = self.examples.clean_labels[validation[k]]
                loss = float(self.examples.task.losses(predicted[k], target).mean())
                if loss < state.best_loss:
                    state.best_loss, state.best_epoch = loss, epoch
                    state.best = program.weights.take(k).numpy()
                elif epoch - state.best_epoch >= allowed:
                    state.stopped = ended = True
        return ended

    def _fallback(self, network: Network) -> Predictions:
        """What is predicted for a network that diverged."""
        fallback = self.truths[network.trial, network.replicate].summary.fallback
        return np.tile(fallback[:, None], (1, self.examples.count))

    def _extend_curves(self, epoch: int) -> None:
        """Add a point to every trial's learning curve: over all examples after the last epoch,
        before it over CURVE_EXAMPLES of the training split."""
        if epoch == self.segment.settings.epochs:
            self._evaluate()
            self._add_curve_points(epoch, self.predictions, self.truths)
            return
        subsets = {key: truth.subset(CURVE_EXAMPLES) for key, truth in self.truths.items()}
        predictions = {key: own[:, subsets[key[:2]][0]] for key, own in self.predictions.items()}
        for program in self.programs:
            examples = [subsets[n.trial, n.replicate][0] for n in program.networks]
            predicted = program.predict(examples)
            for network, own in zip(program.networks, predicted, strict=True):
                _, truth = subsets[network.trial, network.replicate]
                predictions[_key(network)] = _finite(own, truth)[0]
        truths = {key: truth for key, (_, truth) in subsets.items()}
        self._add_curve_points(epoch, predictions, truths)

    def _evaluate(self) -> None:
        """Predictions of all networks that are still trained, by their current weights."""
        everything = np.arange(self.examples.count)
        for program in self.programs:
            predicted = program.predict([everything] * len(program.networks))
            for network, own in zip(program.networks, predicted, strict=True):
                self._keep(network, own)

    def _keep(self, network: Network, predicted: Predictions) -> None:
        """Keep a network's predictions [P, N]."""
        key = _key(network)
        self.overflowing.discard(key)
        kept, diverged = _finite(predicted, self.truths[network.trial, network.replicate])
        if diverged:
            self.overflowing.add(key)
        self.predictions[key] = kept

    def _predict(self, networks: Sequence[Network]) -> list[Program]:
        """Predictions of networks as they are reported: by their best weights, where kept.

        The programs that made them come back; diverged networks are in none.
        """
        alive = []
        for network in networks:
            if self._state(network).diverged:
                self.predictions[_key(network)] = self._fallback(network)
            else:
                alive.append(network)
        everything = np.arange(self.examples.count)
        programs = self._build(alive)
        for program in programs:
            for k, network in enumerate(program.networks):
                state = self._state(network)
                best = state.weights if state.best is None else state.best
                program.weights.put(k, torch.tensor(best))
            predicted = program.predict([everything] * len(program.networks))
            for network, own in zip(program.networks, predicted, strict=True):
                self._keep(network, own)
        return programs

    def _members(
        self, predictions: dict[Key, Predictions], trial: int, replicate: int
    ) -> list[Predictions]:
        size = self.trials[trial].work.configuration.ensemble_size
        return [predictions[trial, replicate, member] for member in range(size)]

    def _add_curve_points(
        self,
        epoch: int,
        predictions: dict[Key, Predictions],
        truths: dict[tuple[int, int], GroundTruth],
    ) -> None:
        for trial, state in self.trials.items():
            points = (
                measure_curve_point(
                    self._members(predictions, trial, replicate), truths[trial, replicate], epoch
                )
                for replicate in self.segment.replicates
            )
            curve = tuple((*known, point) for known, point in zip(state.curve, points, strict=True))
            self.trials[trial] = replace(state, curve=curve)

    def _probe(self, programs: Sequence[Program], epoch: int) -> None:
        """Statistics of the layers of these programs' networks, averaged over an ensemble."""
        found = {
            _key(network): layers
            for program in programs
            for network, layers in zip(program.networks, probe_layers(program), strict=True)
        }
        for trial, state in self.trials.items():
            size = state.work.configuration.ensemble_size
            layers = []
            for replicate, earlier in zip(self.segment.replicates, state.layers, strict=True):
                keys = [(trial, replicate, member) for member in range(size)]
                own = [found[key] for key in keys if key in found]
                first = tuple(s for s in earlier if s.epoch == 0)
                layers.append((*first, *average_layers(own, epoch)))
            self.trials[trial] = replace(state, layers=tuple(layers))

    def _save(self) -> None:
        for program in self.programs:
            for k, network in enumerate(program.networks):
                state, now = self._state(network), _take(program, k)
                state.weights, state.first, state.second = now.weights, now.first, now.second
                state.steps = now.steps

    def finish(self) -> None:
        """Measure layers and predictions as they are reported: by the best weights, if kept."""
        last = self.segment.last_epoch
        if last != self.segment.settings.epochs:
            self._evaluate()
        self._save()
        kept = [n for n in self.networks.values() if self._state(n).best is not None]
        best = self._predict([n for n in kept if not self._state(n).diverged])
        self._probe([*self.programs, *best], last)

    def states(self, seconds: float) -> list[TrialState]:
        """The trials' states; the seconds of this segment are shared out by numbers trained."""
        work = {
            trial: self._parameters(s.work) * len(s.networks) for trial, s in self.trials.items()
        }
        total = sum(work.values())
        return [
            replace(
                state,
                epoch=self.segment.last_epoch,
                seconds=state.seconds + seconds * work[trial] / total,
            )
            for trial, state in self.trials.items()
        ]

    def _parameters(self, work: TrialWork) -> int:
        return count_parameters(
            work.configuration,
            self.segment.settings,
            self.examples.inputs,
            self.examples.task.outputs,
        )

    def _as_reported(self, state: TrialState, replicate: int, member: int) -> NetworkState:
        network = state.networks[replicate, member]
        overflows = (state.work.trial, replicate, member) in self.overflowing
        return replace(network, diverged=network.diverged or overflows)

    def measure(self, state: TrialState) -> TrialMeasurements:
        """Everything that is reported of a trial."""
        trial, size = state.work.trial, state.work.configuration.ensemble_size
        networks = [
            [self._as_reported(state, replicate, member) for member in range(size)]
            for replicate in self.segment.replicates
        ]
        return TrialMeasurements(
            trial=trial,
            epochs=self.segment.last_epoch,
            parameters=self._parameters(state.work),
            diverged=sum(network.diverged for members in networks for network in members),
            seconds=state.seconds,
            replicates=tuple(
                measure_replicate(
                    replicate,
                    self._members(self.predictions, trial, replicate),
                    networks[place],
                    self.truths[trial, replicate],
                    self.segment.last_epoch,
                    state.curve[place],
                    state.layers[place],
                    noisy=self.segment.label_noise > 0.0,
                )
                for place, replicate in enumerate(self.segment.replicates)
            ),
        )


def _finite(predicted: Predictions, truth: GroundTruth) -> tuple[Predictions, bool]:
    """Predictions [P, N] with the fallback in place of what is not finite, and whether the network
    has diverged though its weights are finite.

    It has where it overflows on an example that it was trained on: then all of them are the
    fallback. On other examples, far from those, nothing else changes: no example that is only
    measured has a say in what is said of the others.
    """
    finite = np.asarray(np.isfinite(predicted).all(axis=0))
    if finite.all():
        return predicted, False
    diverged = not bool(finite[truth.train].all())
    fallback = truth.summary.fallback[:, None]
    return np.where(finite & (not diverged), predicted, fallback), diverged


def _key(network: Network) -> Key:
    return network.trial, network.replicate, network.member


def _take(program: Program, k: int) -> NetworkState:
    return NetworkState(
        weights=program.weights.take(k).numpy(),
        first=program.first.take(k).numpy(),
        second=program.second.take(k).numpy(),
        steps=program.steps[k],
    )


def _put(program: Program, k: int, state: NetworkState) -> None:
    program.weights.put(k, torch.tensor(state.weights))
    program.first.put(k, torch.tensor(state.first))
    program.second.put(k, torch.tensor(state.second))
    program.steps[k] = state.steps
