"""Exported models that were damaged, or are of another version, are refused in one line."""

import json
import re
import shutil
from pathlib import Path

import pytest

from study import InvalidInput, load_model
from study.models.format import FIRST_FIELDS
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
    "no format at all": (edit(lambda d: d.update(format_version=0)), "format_version"),
    "a newer field": (edit(lambda d: d.update(task="ranking")), "has task, which this version"),
    "a newer field inside": (
        edit(lambda d: d["provenance"].update(host="a")),
        "has provenance.host, which this version of study does not know",
    ),
    "a newer hyperparameter": (
        edit(lambda d: d["configuration"].update(warmup=3)),
        "has configuration.warmup, which this version of study does not know; upgrade it",
    ),
    "a newer level": (
        edit(lambda d: d["configuration"].update(activation="mish")),
        "has configuration.activation = 'mish', which this version",
    ),
    "a newer kind of column": (
        edit(lambda d: d["features"][0].update(kind="date")),
        "has features.0 of the kind 'date', which this version",
    ),
    "a lost field": (edit(lambda d: d["provenance"].pop("trial")), "provenance.trial"),
    "a lost hyperparameter": (edit(lambda d: d["configuration"].pop("depth")), "lacks 'depth'"),
    "another depth": (edit(lambda d: d["configuration"].update(depth=3)), "weights.safetensors"),
    "a lost member": (edit(lambda d: d["members"].pop()), "weights.safetensors"),
    "a lost column": (edit(lambda d: d["features"].pop()), "weights.safetensors"),
}


def test_an_export_without_a_version_is_of_the_first_format(finished, tmp_path):
    shutil.copytree(finished / "model", tmp_path / "model")
    before = load_model(tmp_path / "model")
    edit(lambda d: d.pop("format_version"))(tmp_path / "model")
    after = load_model(tmp_path / "model")
    assert after.description == before.description
    assert after.predict(people(30)).equals(before.predict(people(30)))


def test_an_export_from_before_a_hyperparameter_has_its_default(finished, tmp_path, monkeypatch):
    """Dropout and momentum are played to have come after the first version."""
    shutil.copytree(finished / "model", tmp_path / "model")
    edit(lambda d: d["configuration"].pop("dropout"))(tmp_path / "model")
    edit(lambda d: d["training"].pop("momentum"))(tmp_path / "model")
    with pytest.raises(InvalidInput, match="configuration lacks 'dropout'"):
        load_model(tmp_path / "model")
    later = {"configuration": frozenset({"dropout"}), "training": frozenset({"momentum"})}
    first = {part: names - later[part] for part, names in FIRST_FIELDS.items()}
    monkeypatch.setattr("study.models.format.FIRST_FIELDS", first)
    description = load_model(tmp_path / "model").description
    assert description.typed_configuration().dropout == 0.0
    assert description.typed_training().momentum == 0.9


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
