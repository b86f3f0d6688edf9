"""A model on disk: a folder with weights and a description, written at once or not at all.

The one module that uses safetensors, which hold numbers alone: reading a folder never runs what is
in it.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from study.errors import InvalidInput
from study.models.description import Description, read_description

DESCRIPTION = "model.json"
WEIGHTS = "weights.safetensors"

Tensors = Mapping[str, npt.NDArray[np.float32]]


def check_free(output: Path, *, force: bool) -> None:
    """Whether a model can be written to output; force allows another model's place.

    Raises:
        InvalidInput: something else is there, or a model without force.
    """
    place = output.resolve()
    there = place.parent
    try:
        while not there.exists():
            there = there.parent
        taken = place.exists()
    except OSError as error:  # the name is too long, or a folder is closed
        raise InvalidInput(f"{output}: cannot be written: {error.strerror}") from None
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise InvalidInput(f"{output}: cannot be written: {there} is not a writable folder")
    if not taken:
        return
    if not place.is_dir():
        raise InvalidInput(f"{output}: is there and is no folder; give another name")
    found = {entry.name for entry in place.iterdir()}
    if not found:
        return
    if not found <= {DESCRIPTION, WEIGHTS}:
        raise InvalidInput(f"{output}: holds other files; give a folder of its own")
    if not force:
        raise InvalidInput(
            f"{output}: holds a model already; give another folder, or --force to replace it"
        )


@contextmanager
def written_at_once(output: Path) -> Iterator[Path]:
    """A new folder beside output that takes its place at the end; on an error, nothing is left.

    Raises:
        InvalidInput: the place cannot be written to.
    """
    place = output.resolve()
    sibling = place.parent / f".{place.name}.{uuid4().hex[:8]}"
    replaced = sibling.with_name(f"{sibling.name}.old")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        sibling.mkdir()
        yield sibling
        if place.exists():
            place.rename(replaced)
        try:
            sibling.rename(place)
        except BaseException:
            if replaced.exists():
                replaced.rename(place)
            raise
        shutil.rmtree(replaced, ignore_errors=True)
    except OSError as error:
        raise InvalidInput(f"{output}: cannot be written: {error.strerror}") from None
    finally:
        shutil.rmtree(sibling, ignore_errors=True)


def write_weights(folder: Path, tensors: Tensors) -> str:
    """Write the weights; their file's SHA-256, for the description."""
    from safetensors.numpy import save

    content = save(dict(tensors))
    (folder / WEIGHTS).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def write_description(folder: Path, description: Description) -> None:
    """Write the description."""
    text = json.dumps(description.model_dump(mode="json"), indent=2, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")


def read_folder(folder: Path) -> tuple[Description, Tensors]:
    """What was written.

    Raises:
        InvalidInput: folder holds no model, a damaged one, or one of a newer format.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = folder / DESCRIPTION
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidInput(f"{folder} holds no model: there is no {path}") from None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        message = " ".join(str(error).split())
        raise InvalidInput(f"{path} is damaged: {message}; export the model again") from None
    description = read_description(found, str(path))
    weights = folder / WEIGHTS
    try:
        content = weights.read_bytes()
    except FileNotFoundError:
        raise InvalidInput(f"{folder} is damaged: there is no {weights}; export it again") from None
    except OSError as error:
        raise InvalidInput(f"{weights} cannot be read: {error.strerror}") from None
    if hashlib.sha256(content).hexdigest() != description.weights_sha256:
        raise InvalidInput(f"{weights} is damaged: it is not what was written; export it again")
    try:
        return description, load(content)
    except SafetensorError as error:
        raise InvalidInput(f"{weights} is damaged: {error}; export it again") from None
