"""The answer first: how well, how much of it is luck, what moves the gap, and with what caution."""

from study.analysis import Measurements
from study.report.sentences import cautions as caution
from study.report.sentences import learning, selection, winner
from study.report.sentences.causes import what_moves


def answer(measurements: Measurements, best: int) -> tuple[str, ...]:
    """Paragraphs on the best trial, on what its choice promised, and on what moves the gap."""
    how_well = (winner.how_well(measurements, best), winner.constant_prediction(measurements))
    luck = (
        selection.seeds_that_solved(measurements),
        selection.nothing_was_picked(measurements),
        selection.corrected_for_the_pick(measurements),
        selection.cost_of_searching_on(measurements),
    )
    paragraphs = (how_well, luck, what_moves(measurements))
    joined = (" ".join(sentence for sentence in said if sentence) for said in paragraphs)
    return tuple(paragraph for paragraph in joined if paragraph)


def cautions(measurements: Measurements) -> list[str]:
    """What must be known before any number of the study is believed; the gravest first."""
    said = (
        learning.all_diverged(measurements),
        caution.chosen_by_results(measurements),
        caution.ended_by_results(measurements),
        learning.not_learned(measurements),
        learning.learned_by_heart(measurements),
        learning.diverged_networks(measurements),
        caution.wrong_labels(measurements),
        caution.failed_trials(measurements),
    )
    return [sentence for sentence in said if sentence]
