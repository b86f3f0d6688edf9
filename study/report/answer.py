"""The answer first: how well, how much of it is luck, what moves the gap, and with what caution."""

from study.analysis import Measurements
from study.analysis.confirmation import ConfirmedTrial, confirmed_trials
from study.report.sentences import cautions as caution
from study.report.sentences import data_notes, learning, selection, winner
from study.report.sentences.causes import what_moves
from study.report.sentences.confirmation import (
    headline,
    others_confirmed,
    selection_luck,
    unconfirmed,
)
from study.report.sentences.losses import balanced_sentence, loss_gap_sentence
from study.report.trials import is_truth_table


def answer(measurements: Measurements, best: int) -> tuple[str, ...]:
    """Paragraphs on the best trial, on what its choice promised, and on what moves the gap."""
    diverged = learning.all_diverged(measurements)
    if diverged is not None:
        return (diverged,)
    confirmed = _confirmed(measurements, best)
    how_well = (
        headline(confirmed) if confirmed else None,
        winner.how_well(measurements, best, confirmed=confirmed is not None),
        unconfirmed(measurements, best),
        winner.constant_prediction(measurements),
        balanced_sentence(measurements, best),
        loss_gap_sentence(measurements, best),
    )
    luck = (
        selection_luck(confirmed) if confirmed else None,
        selection.seeds_that_solved(measurements),
        selection.nothing_was_picked(measurements),
        selection.corrected_for_the_pick(measurements),
        selection.cost_of_searching_on(measurements),
    )
    others = (others_confirmed(measurements, best),)
    paragraphs = (how_well, others, luck, what_moves(measurements))
    joined = (" ".join(sentence for sentence in said if sentence) for said in paragraphs)
    return tuple(paragraph for paragraph in joined if paragraph)


def cautions(measurements: Measurements, best: int) -> list[str]:
    """What must be known before any number of the study is believed; the gravest first."""
    said = (
        caution.chosen_by_results(measurements),
        caution.ended_by_results(measurements),
        learning.not_learned(measurements),
        learning.learned_by_heart(measurements),
        learning.failed_seeds(measurements),
        learning.diverged_networks(measurements),
        data_notes.copies(measurements, best),
        data_notes.groups_as_units(measurements),
        data_notes.shared_training_rows(measurements),
        data_notes.few_replicates(
            len(measurements.splits), truth_table=is_truth_table(measurements)
        ),
        caution.wrong_labels(measurements),
        caution.failed_trials(measurements),
    )
    return [sentence for sentence in said if sentence]


def _confirmed(measurements: Measurements, best: int) -> ConfirmedTrial | None:
    return next((c for c in confirmed_trials(measurements) if c.trial == best), None)
