"""A trained ensemble that was exported, ready to predict."""

import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from study.errors import InvalidInput
from study.models.columns import RawColumns, accuracy_on, raw_columns, table_of_examples
from study.models.description import Description, Label, label_names
from study.models.directory import DESCRIPTION, WEIGHTS, Tensors, read_folder
from workers.calling_program import default_arithmetic

if TYPE_CHECKING:
    import pandas as pd

    from workers.data.tables.table import Table
    from workers.training.ensemble import TrainedEnsemble


@dataclass(frozen=True, eq=False)
class LabelPredictions:
    """Of N examples: classes [N] as indices into the labels, their probabilities [classes, N], the
    accuracy where there were labels (else None) with their number, and notes for a person."""

    classes: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.floating]
    accuracy: tuple[float, int] | None
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A trained ensemble. load_model() makes one; description is what model.json says of it."""

    description: Description
    _tensors: Tensors

    def __repr__(self) -> str:
        """One line: where it comes from, what it reads and what it predicts."""
        source, networks = self.description.provenance, len(self.description.members)
        return (
            f"<Model: trial {source.trial} of study {source.study!r}, "
            f"{networks} {'network' if networks == 1 else 'networks'}, {len(self.features)} "
            f"features, {self.description.target!r} of {len(self.labels)} classes>"
        )

    @property
    def labels(self) -> tuple[Label, ...]:
        """The classes: integers, booleans or text, as the training's target column had them."""
        return self.description.labels

    @property
    def features(self) -> tuple[str, ...]:
        """The columns that are needed to predict; their order in a table does not matter."""
        return tuple(feature.name for feature in self.description.features)

    def predict(self, examples: "pd.DataFrame | npt.ArrayLike") -> "pd.Series":
        """The predicted label of every row of a DataFrame, with the rows' index, or of an array
        where the model was trained on one.

        It is the most probable one; a tie goes to the most frequent of the training examples.

        Raises:
            InvalidInput: a column is missing, or has a value that cannot be read as it was in
                training. Columns that were not trained on may be there, and are not looked at: of
                them, and of values that were never seen, a UserWarning tells.
        """
        import pandas as pd

        predicted = self._predicted(examples)
        labels = pd.Index(self.labels)[predicted.classes]
        return pd.Series(labels, index=_index(examples), name=self.description.target)

    def predict_proba(self, examples: "pd.DataFrame | npt.ArrayLike") -> "pd.DataFrame":
        """The probability of every label, a column each, for every row: the mean of the members'.

        Raises:
            InvalidInput: as predict() does.
        """
        import pandas as pd

        predicted = self._predicted(examples)
        columns = pd.Index(self.labels, name=self.description.target)
        return pd.DataFrame(predicted.probabilities.T, index=_index(examples), columns=columns)

    def _predicted(self, examples: object) -> LabelPredictions:
        """The predictions, with a warning for every note on what was unknown."""
        predicted = self.predict_examples(table_of_examples(examples, self.description))
        for note in predicted.notes:
            warnings.warn(note, stacklevel=3)
        return predicted

    @default_arithmetic()
    def predict_examples(self, examples: "Table") -> LabelPredictions:
        """All that is to be said of these rows, as predict() reads them."""
        from workers.tasks.classification import predicted_classes

        columns = raw_columns(examples, self.description)
        probabilities = self._probabilities(columns)
        classes = np.asarray(predicted_classes(probabilities, self.ensemble.target), np.int64)
        accuracy = accuracy_on(examples, self.description, classes)
        return LabelPredictions(classes, probabilities, accuracy, columns.notes)

    def _probabilities(self, columns: RawColumns) -> npt.NDArray[np.floating]:
        return self.ensemble.predict(columns.numeric, columns.categorical)

    @cached_property
    def ensemble(self) -> "TrainedEnsemble":
        """The networks themselves."""
        from workers.training.ensemble import TrainedEnsemble

        members = [
            None
            if member.diverged
            else {
                name.removeprefix(f"members.{position}."): tensor
                for name, tensor in self._tensors.items()
                if name.startswith(f"members.{position}.")
            }
            for position, member in enumerate(self.description.members)
        ]
        return TrainedEnsemble(
            configuration=self.description.typed_configuration(),
            settings=self.description.typed_training(),
            preprocessing=self.description.preprocessing(),
            task=self.description.task(),
            target=self.description.target_summary(),
            members=tuple(members),
        )


def load_model(directory: str | Path) -> Model:
    """The model that `study export` or export_model() wrote to a folder.

    Raises:
        InvalidInput: there is none, it is damaged, or its format is newer than this version.
    """
    folder = Path(directory)
    description, tensors = read_folder(folder)
    expected = expected_tensors(description)
    found = {name: (tensor.shape, tensor.dtype.name) for name, tensor in tensors.items()}
    if found != expected:
        wrong = sorted(expected.items() ^ found.items())[0][0]
        raise InvalidInput(
            f"{folder} is damaged: {wrong} in {WEIGHTS} is not as {DESCRIPTION} says; export it "
            "again"
        )
    return Model(description, tensors)


def expected_tensors(description: Description) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and type of every tensor of a model, by name."""
    from workers.training.ensemble import tensor_shapes

    shapes = tensor_shapes(
        description.typed_configuration(),
        description.typed_training(),
        description.preprocessing().features,
        description.task().outputs,
    )
    return {
        f"members.{position}.{name}": (shape, "float32")
        for position, member in enumerate(description.members)
        if not member.diverged
        for name, shape in shapes.items()
    }


def _index(examples: object) -> "pd.Index | None":
    """The index of a DataFrame; None: that of an array counts its rows."""
    import pandas as pd

    return examples.index if isinstance(examples, pd.DataFrame) else None


def predictions_table(
    model: Model, predicted: LabelPredictions, kept: "pd.DataFrame | None" = None
) -> "pd.DataFrame":
    """A row per example: columns that were kept, the label, and probability_LABEL for each."""
    import pandas as pd

    names = label_names(model.labels)
    columns = {
        f"probability_{name}": own for name, own in zip(names, predicted.probabilities, strict=True)
    }
    labels = pd.Index(model.labels)[predicted.classes]
    table = pd.DataFrame({"predicted": labels, **columns})
    return table if kept is None else pd.concat([kept, table], axis=1)
