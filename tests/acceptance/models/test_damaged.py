"""Exported models that were damaged, or are of another version, are refused in one line."""

import json
import re
import shutil
from pathlib import Path

import pytest

from study import InvalidInput, load_model
from tests.acceptance.models.people import people


def edit(change):
    def damage(folder: Path):
        path = folder / "model.json"
        found = json.loads(path.read_text())
        change(found)
        path.write_text(json.dumps(found))

    return damage


def cut(folder: Path):
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-4])


def flip(folder: Path):
    path = folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "cut weights": (cut, "weights.safetensors is damaged"),
    "a flipped bit": (flip, "weights.safetensors is damaged"),
    "no weights": (lambda f: (f / "weights.safetensors").unlink(), "there is no"),
    "no description": (lambda f: (f / "model.json").unlink(), "holds no model"),
    "a cut description": (
        lambda f: (f / "model.json").write_text((f / "model.json").read_text()[:500]),
        "model.json is damaged",
    ),
    "something else": (lambda f: (f / "model.json").write_text("[]"), "does not describe a model"),
    "a newer format": (edit(lambda d: d.update(format_version=2)), "format version 2"),
    "a lost field": (edit(lambda d: d["provenance"].pop("trial")), "provenance.trial"),
    "a lost hyperparameter": (edit(lambda d: d["configuration"].pop("depth")), "lacks 'depth'"),
    "another depth": (edit(lambda d: d["configuration"].update(depth=3)), "weights.safetensors"),
    "a lost member": (edit(lambda d: d["members"].pop()), "weights.safetensors"),
    "a lost column": (edit(lambda d: d["features"].pop()), "weights.safetensors"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_models_are_refused(finished, tmp_path, damage):
    apply, expected = DAMAGES[damage]
    shutil.copytree(finished / "model", tmp_path / "model")
    apply(tmp_path / "model")
    with pytest.raises(InvalidInput, match=re.escape(expected)) as refusal:
        load_model(tmp_path / "model")
    assert "\n" not in str(refusal.value)


def test_a_damaged_model_and_a_newer_one_end_the_command_with_one_line(model, refused):
    people(9).to_csv(model.folder / "new.csv", index=False)
    assert "holds no model" in refused("predict", "nowhere", "new.csv")
    edit(lambda d: d.update(format_version=2))(model.folder / "model")
    assert "format version 2" in refused("predict", "model", "new.csv")
    cut(model.folder / "model")
    edit(lambda d: d.update(format_version=1))(model.folder / "model")
    assert "weights.safetensors is damaged" in refused("predict", "model", "new.csv")
