"""A replicate's split as the database keeps it."""

import numpy as np
import numpy.typing as npt

from storage.studies.splits import ReplicatePurpose, StoredSplit
from workers.data import SplitDescription


def stored_split(
    replicate: int, split: SplitDescription, purpose: ReplicatePurpose = ReplicatePurpose.SEARCH
) -> StoredSplit:
    """A replicate's split as its row has it."""
    return StoredSplit(
        replicate=replicate,
        train_examples=split.train_examples,
        validation_index=_packed(split.validation_index),
        test_index=_packed(split.test_index),
        majority_validation_accuracy=split.chance_validation_accuracy,
        majority_test_accuracy=split.chance_test_accuracy,
        purpose=purpose,
        train_classes=_packed_or_none(split.train_classes),
        validation_classes=_packed_or_none(split.validation_classes),
        test_classes=_packed_or_none(split.test_classes),
        groups=split.groups,
        validation_groups=_packed_or_none(split.validation_groups),
        test_groups=_packed_or_none(split.test_groups),
        test_copies=np.packbits(split.test_copies).tobytes(),
    )


def _packed(values: npt.ArrayLike) -> bytes:
    return np.asarray(values, dtype="<i4").tobytes()


def _packed_or_none(values: npt.ArrayLike | None) -> bytes | None:
    return None if values is None else _packed(values)
