"""What the terms of a report mean: one plain sentence each, and only of those that it uses."""

import re
from collections.abc import Iterator
from typing import Any

import plotly.graph_objects as go

# The term, the pattern by which it is found in a text, and its sentence.
TERMS: tuple[tuple[str, str, str], ...] = (
    (
        "balanced accuracy",
        r"[Bb]alanced (test|accuracy)",
        "The mean over the classes of the share of their examples that is predicted right, so that "
        "a rare class counts as much as a frequent one.",
    ),
    (
        "BBC",
        r"\bBBC\b",
        "Bootstrap bias correction: the search is repeated on resampled validation examples, and "
        "its winners are scored on the examples left out, which takes out the luck of having "
        "picked the best of many.",
    ),
    (
        "fANOVA",
        r"\bfANOVA\b",
        "The share of the variance of a quantity over the whole search space that one "
        "hyperparameter explains by itself, according to a forest fitted to the trials.",
    ),
    (
        "generalization gap",
        r"(?<!loss )\b[Gg]aps?\b",
        "Train accuracy − test accuracy of the same weights, in percentage points.",
    ),
    (
        "Holm",
        r"\bHolm\b",
        "A correction of p-values for several questions asked at once, which bounds the chance "
        "that any of them is answered yes by chance.",
    ),
    (
        "loss gap",
        r"\b[Ll]oss gaps?\b",
        "Test loss − train loss in nats, where the loss is −ln of the probability that was given "
        "to the right class.",
    ),
    (
        "McNemar",
        r"\bMcNemar\b|\bmcnemar\b",
        "A test of two networks on the same examples that looks only at those that one of the two "
        "gets right.",
    ),
    (
        "Nadeau–Bengio",
        r"\b[Nn]adeau\b",
        "A t-test of scores on random splits whose variance is enlarged because the splits share "
        "training examples.",
    ),
    (
        "overtuning",
        r"\b[Oo]vertun",
        "How much worse on test the trial is that the search holds for the best than the best one "
        "that it had held before.",
    ),
    (
        "Pareto front",
        r"\bPareto\b",
        "The trials that no other trial beats in one respect without being worse in the other.",
    ),
    (
        "PED-ANOVA",
        r"\bPED-ANOVA\b",
        "How much a hyperparameter has to do with getting into the best tenth of the trials: how "
        "its values there differ from its values in all trials.",
    ),
    (
        "replicate",
        r"\b[Rr]eplicates?\b",
        "The same configuration trained again on another division into train and validation "
        "examples, from other initial weights and in another order, and tested on the same "
        "examples.",
    ),
)


def terms_in(text: str) -> dict[str, str]:
    """The terms that a text uses and their meanings, in alphabetical order."""
    return {term: meaning for term, pattern, meaning in TERMS if re.search(pattern, text)}


def labels_of(figure: go.Figure) -> Iterator[str]:
    """Every text that a figure shows: titles, names of traces, of axes and beside points."""
    drawn = figure.to_dict()
    layout = {key: value for key, value in drawn["layout"].items() if key != "template"}
    for trace in drawn["data"]:
        if "name" in trace:
            yield str(trace["name"])
    yield from _texts(layout)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inside in value.items():
            if key == "text" and isinstance(inside, str):
                yield inside
            else:
                yield from _texts(inside)
    elif isinstance(value, list | tuple):
        for inside in value:
            yield from _texts(inside)
