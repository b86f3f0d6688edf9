"""The specification of a study: what is searched, on which data, how, and for how long.

A frozen value that is either right or refused. Whether the data exist is asked when they are read.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import fields
from enum import Enum, StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from study.errors import nearest
from study.specification.claims import Claim
from study.specification.dimensions import Categorical, Numeric, Range
from workers.configuration import (
    HYPERPARAMETERS,
    Activation,
    Configuration,
    Initialization,
    Optimizer,
    RecurrentCell,
    Topology,
    TrainingSettings,
)

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f/\\]+$")]
Depth = Annotated[int, Field(ge=1, le=1000, strict=True)]
Width = Annotated[int, Field(ge=1, le=65536, strict=True)]
DropoutRate = Annotated[float, Field(ge=0, lt=1, strict=True)]
EnsembleSize = Annotated[int, Field(ge=1, le=256, strict=True)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Count = Annotated[int, Field(ge=1, strict=True)]
Share = Annotated[float, Field(gt=0, le=1, strict=True)]
ShareBelowOne = Annotated[float, Field(gt=0, lt=1, strict=True)]

# What a hyperparameter and a setting are where a specification does not mention them.
DEFAULTS = Configuration()
DEFAULT_SETTINGS = TrainingSettings()


class SamplerTrait(Enum):
    """What must be known of a sampler beside how it chooses."""

    DESIGN = "configurations do not depend on results, so that a study of them gives effects"
    SINGLE_OBJECTIVE_ONLY = "it cannot weigh several objectives"
    NEEDS_LEVELS = "it tries every combination of levels once: a range needs a step"


class Sampler(StrEnum):
    """How the next configurations are chosen; study.sampling says how each of them does it."""

    RANDOM = "random", SamplerTrait.DESIGN
    GRID = "grid", SamplerTrait.DESIGN, SamplerTrait.NEEDS_LEVELS
    QMC = "qmc", SamplerTrait.DESIGN
    TPE = "tpe"
    NSGA2 = "nsga2"
    CMAES = "cmaes", SamplerTrait.SINGLE_OBJECTIVE_ONLY
    GP = "gp"

    _traits: frozenset[SamplerTrait]

    def __new__(cls, value: str, *traits: SamplerTrait) -> Self:
        """The member whose value is the first item, as in a specification."""
        member = str.__new__(cls, value)
        member._value_ = value
        member._traits = frozenset(traits)
        return member

    @property
    def is_design(self) -> bool:
        """Whether its configurations do not depend on results."""
        return SamplerTrait.DESIGN in self._traits

    @property
    def single_objective_only(self) -> bool:
        """Whether several objectives are refused."""
        return SamplerTrait.SINGLE_OBJECTIVE_ONLY in self._traits

    @property
    def needs_levels(self) -> bool:
        """Whether it tries every combination of levels once, and then nothing more."""
        return SamplerTrait.NEEDS_LEVELS in self._traits


class Pruner(StrEnum):
    """How trials without promise are ended before their last epoch."""

    NONE = "none"
    MEDIAN = "median"
    SUCCESSIVE_HALVING = "successive_halving"
    HYPERBAND = "hyperband"


class Objective(StrEnum):
    """What the search optimizes: never a test quantity, so that the test set stays unseen."""

    VALIDATION_ACCURACY = "validation_accuracy"
    VALIDATION_LOSS = "validation_loss"
    VALIDATION_GAP = "validation_gap"
    PARAMETERS = "parameters"

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """Optuna's word for which values are better."""
        return "maximize" if self is Objective.VALIDATION_ACCURACY else "minimize"


class Section(BaseModel):
    """A frozen part of the specification that refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _knows_its_keys(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        for key in given:
            if key not in cls.model_fields:
                known = ", ".join(cls.model_fields)
                hint = nearest(str(key), list(cls.model_fields))
                raise ValueError(f"unknown key {key!r}{hint} (known: {known})")
        return given


class UntrainedInputs(StrEnum):
    """What an input that is constant in the training examples is to a network."""

    ZERO = "zero"
    KEPT = "kept"


class DataSpec(Section):
    """Where the examples come from and how they are split.

    source is a built-in name, a .csv, .parquet or .npz file, or openml:ID. The test set is a
    share of the examples (test_fraction), a file of its own (test) or the rows that the column
    `split` calls test. Examples with the same value in the column `group` stay on one side.
    label_noise is the share of train labels that are replaced by a different class. An input that
    is constant in the training examples of a replicate has no trained weight: it is zero to the
    networks, unless untrained_inputs says that it is kept, which studies begun before it do.
    sha256 and test_sha256 are of the files `source` and `test`, as sha256sum prints them: other
    files are refused. None: any.
    """

    source: Annotated[str, Field(min_length=1)]
    target: str | None = None
    test: str | None = None
    split: str | None = None
    group: str | None = None
    test_fraction: ShareBelowOne = 0.25
    validation_fraction: ShareBelowOne = 0.2
    label_noise: Annotated[float, Field(ge=0, lt=1, strict=True)] = 0.0
    untrained_inputs: UntrainedInputs = UntrainedInputs.ZERO
    sha256: str | None = None
    test_sha256: str | None = None

    @field_validator("sha256", "test_sha256")
    @classmethod
    def _is_a_sha256(cls, given: str | None) -> str | None:
        if given is not None and not re.fullmatch("[0-9a-f]{64}", given):
            raise ValueError(f"found {given[:70]!r}; give the 64 digits that sha256sum prints")
        return given

    @model_validator(mode="after")
    def _has_one_test_set(self) -> Self:
        if self.test is not None and self.split is not None:
            raise ValueError("test and split both name the test set; give one of them")
        return self


class SearchSpec(Section):
    """The search space: per hyperparameter a fixed value, a choice or a range (None: default)."""

    topology: Categorical[Topology] | None = None
    depth: Numeric[Depth, Range[Depth]] | None = None
    width: Numeric[Width, Range[Width]] | None = None
    activation: Categorical[Activation] | None = None
    initialization: Categorical[Initialization] | None = None
    dropout: Numeric[DropoutRate, Range[DropoutRate]] | None = None
    ensemble_size: Numeric[EnsembleSize, Range[EnsembleSize]] | None = None
    learning_rate: Numeric[Positive, Range[Positive]] | None = None
    weight_decay: Numeric[NotNegative, Range[NotNegative]] | None = None
    batch_size: Numeric[Count, Range[Count]] | None = None
    optimizer: Categorical[Optimizer] | None = None
    train_fraction: Numeric[Share, Range[Share]] | None = None
    early_stopping_patience: Numeric[Count | None, Range[Count]] | None = None


class EarlyStoppingSpec(Section):
    """End a network's training after `patience` epochs without a better validation loss."""

    patience: Count


class TrainingSpec(Section):
    """What all trials share in training; batch_size, optimizer and early stopping are defaults
    that the search may take over."""

    optimizer: Optimizer = DEFAULTS.optimizer
    batch_size: Count = DEFAULTS.batch_size
    early_stopping: EarlyStoppingSpec | None = None
    epochs: Count = DEFAULT_SETTINGS.epochs
    replicates: Count = DEFAULT_SETTINGS.replicates
    evaluations: Count = DEFAULT_SETTINGS.evaluations
    leaky_relu_slope: NotNegative = DEFAULT_SETTINGS.leaky_relu_slope
    elu_alpha: Positive = DEFAULT_SETTINGS.elu_alpha
    maxout_pieces: Annotated[int, Field(ge=2, le=16, strict=True)] = DEFAULT_SETTINGS.maxout_pieces
    recurrent_cell: RecurrentCell = DEFAULT_SETTINGS.recurrent_cell
    momentum: Annotated[float, Field(ge=0, lt=1, strict=True)] = DEFAULT_SETTINGS.momentum
    gradient_clip: Positive | None = DEFAULT_SETTINGS.gradient_clip

    def settings(self) -> TrainingSettings:
        """The part that workers need beside a trial's configuration."""
        names = {field.name for field in fields(TrainingSettings)}
        return TrainingSettings(**self.model_dump(include=names))

    def hyperparameters(self) -> dict[str, Any]:
        """The values that are searched only where the search names them."""
        patience = self.early_stopping.patience if self.early_stopping else None
        named = [name for name in HYPERPARAMETERS if name in TrainingSpec.model_fields]
        return {
            **{name: getattr(self, name) for name in named},
            "early_stopping_patience": patience,
        }


class BudgetSpec(Section):
    """When a study ends: totals over all launches. None: no such bound."""

    trials: Count | None = None
    hours: Positive | None = None


class ResourcesSpec(Section):
    """What one task takes beside one CPU thread."""

    gpus: NotNegative = 0.0


FEWEST_FRESH_REPLICATES = 10
"""With five the interval of a mean is 1.7 times as wide, and a seed that fails once in ten times is
missed in six studies of ten."""


class ConfirmSpec(Section):
    """How many of the best trials are trained again after the search, with the baseline, each on so
    many fresh replicates: with seeds and splits that chose nothing."""

    trials: Count = 3
    replicates: Annotated[int, Field(ge=FEWEST_FRESH_REPLICATES, strict=True)] = 10


class StudySpec(Section):
    """One search: a data set, a search space, a budget, an objective. confirm None: what it finds
    is not confirmed."""

    name: Name
    seed: Annotated[int, Field(ge=0, lt=2**63, strict=True)] = 0
    data: DataSpec
    search: SearchSpec = SearchSpec()
    training: TrainingSpec = TrainingSpec()
    baseline: tuple[Mapping[str, Any], ...] = ()
    objective: tuple[Objective, ...] = (Objective.VALIDATION_ACCURACY,)
    sampler: Sampler = Sampler.TPE
    pruner: Pruner = Pruner.NONE
    budget: BudgetSpec = BudgetSpec()
    confirm: ConfirmSpec | None = None
    resources: ResourcesSpec = ResourcesSpec()
    claims: tuple[Claim, ...] = ()

    @field_validator("objective", mode="before")
    @classmethod
    def _objectives(cls, given: Any, info: ValidationInfo) -> Any:
        listed = [given] if isinstance(given, str) else given
        if not isinstance(listed, list | tuple):
            return given
        if not listed:
            raise ValueError("the list is empty; give at least one objective")
        for objective in listed:
            if isinstance(objective, str) and ("test" in objective or "general" in objective):
                raise ValueError(
                    f"found {objective!r}, a test quantity; the test set never steers a search, "
                    f"give one of: {', '.join(Objective)}"
                )
        return listed

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if len(self.objective) > 1:
            if self.pruner is not Pruner.NONE:
                raise ValueError(f"pruner {self.pruner.value!r} needs a single objective; use none")
            if self.sampler.single_objective_only:
                raise ValueError(
                    f"sampler {self.sampler.value!r} needs a single objective; use nsga2"
                )
        if len(set(self.objective)) < len(self.objective):
            raise ValueError("objective: the same quantity is listed twice")
        return self

    def dimensions(self) -> dict[str, Any]:
        """For every hyperparameter its fixed value, its tuple of levels or its Range."""
        shared = self.training.hyperparameters()
        dimensions = {}
        for name in HYPERPARAMETERS:
            searched = getattr(self.search, name)
            default = shared.get(name, getattr(DEFAULTS, name))
            dimensions[name] = default if searched is None else searched
        return dimensions

    def document(self) -> dict[str, Any]:
        """The specification as plain JSON values, every default written out."""
        return self.model_dump(mode="json")

    def sha256(self) -> str:
        """What makes two specifications the same search: see identity."""
        text = json.dumps(identity(self.document()), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def identity(document: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a specification's document that may not change between launches.

    A budget may grow, and a file may move: the data themselves are compared by their hash. Claims
    are judged and trials confirmed after the search, which that does not change.
    """
    changeable = ("budget", "name", "claims", "confirm")
    kept = {key: value for key, value in document.items() if key not in changeable}
    of_files = ("source", "test", "sha256", "test_sha256")
    kept["data"] = {k: v for k, v in document["data"].items() if k not in of_files}
    return kept
