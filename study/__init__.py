"""Hyperparameter studies that measure how much a network overfits, and why.

The public names load on first use, so that `import study` needs neither torch nor Ray nor pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.reading.frames import (
        load_layer_statistics,
        load_learning_curves,
        load_members,
        load_replicates,
        load_results,
    )
    from study.errors import InvalidInput, StudyError
    from study.launching.confirming import confirm
    from study.launching.launch import launch
    from study.launching.outcome import StudyOutcome
    from study.models.export import export_model
    from study.models.model import Model, load_model
    from study.sampling.tpe.sampler import BatchTPESampler
    from study.specification.spec import StudySpec

_HOME_OF = {
    "BatchTPESampler": "study.sampling.tpe.sampler",
    "InvalidInput": "study.errors",
    "Model": "study.models.model",
    "StudyError": "study.errors",
    "StudyOutcome": "study.launching.outcome",
    "StudySpec": "study.specification.spec",
    "confirm": "study.launching.confirming",
    "export_model": "study.models.export",
    "launch": "study.launching.launch",
    "load_layer_statistics": "storage.reading.frames",
    "load_learning_curves": "storage.reading.frames",
    "load_members": "storage.reading.frames",
    "load_model": "study.models.model",
    "load_replicates": "storage.reading.frames",
    "load_results": "storage.reading.frames",
}

__all__ = [
    "BatchTPESampler",
    "InvalidInput",
    "Model",
    "StudyError",
    "StudyOutcome",
    "StudySpec",
    "confirm",
    "export_model",
    "launch",
    "load_layer_statistics",
    "load_learning_curves",
    "load_members",
    "load_model",
    "load_replicates",
    "load_results",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'study' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
