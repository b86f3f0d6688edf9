"""What YAML text may do to the program that reads it: make plain values, within bounds."""

import tracemalloc

import pytest
import yaml

from study.specification.yaml_reader import (
    MOST_BYTES,
    MOST_LEVELS,
    Unreadable,
    read_document,
    write_document,
)

LAUGHS = "a: &a [ha, ha, ha, ha, ha, ha, ha, ha, ha]\n" + "".join(
    f"{after}: &{after} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, after in zip("abcdefgh", "bcdefghi", strict=True)
)
TOO_MUCH = {
    "lists in lists": ("[" * MOST_BYTES, "levels"),
    "mappings in mappings": ("{a: " * 60_000, "levels"),
    "a list that an indentation opens": ("- " * 100_000, "levels"),
    "keys of keys": ("? " * 100_000, "levels"),
    "a billion laughs": (LAUGHS, "values"),
    "a mapping that holds itself": ("&a {x: *a}", "inside itself"),
    "a long list": ("[" + "1," * 100_000 + "1]", "values"),
    "a long word": ("a" * 200_000, "characters"),
    "a long text": (" " * (MOST_BYTES + 1), "KiB"),
}
NO_VALUES = {
    "a call": "!!python/object/apply:os.system [echo]",
    "an object": "!!python/object:study.specification.spec.StudySpec {}",
    "a module": "!!python/module:os",
    "a name": "!!python/name:os.system",
    "a new tag": "!mine 3",
    "a date as a date": "!!timestamp 2024-01-01",
    "half a character": r'"\ud83d"',
    "a word as a number": "!!int seven",
    "a word as a truth value": "!!bool perhaps",
    "a list as a key": "{[1]: 2}",
    "a name for nothing": "*nothing",
    "a null character": "a: \x00",
    "no UTF-8": b"a: \xff",
    "two documents": "a: 1\n---\nb: 2",
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_too_much_is_refused_without_being_built(what):
    text, reason = TOO_MUCH[what]
    tracemalloc.start()
    try:
        with pytest.raises(Unreadable, match=reason) as refused:
            read_document(text)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "\n" not in str(refused.value)
    assert most < 64 * 2**20


@pytest.mark.parametrize("what", NO_VALUES)
def test_what_is_no_plain_value_is_refused_in_one_line(what):
    with pytest.raises(Unreadable) as refused:
        read_document(NO_VALUES[what])
    assert "\n" not in str(refused.value)


def test_a_line_is_named_where_it_is_known():
    with pytest.raises(Unreadable) as refused:
        read_document("a: 1\nb: [2\n")
    assert refused.value.line == 3


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("depth: 1\nwidth: 2\ndepth: 3", 3),
        ("search:\n  depth: 1\n  width: 2\n  'depth': 3", 4),
        ('{"search": {"depth": [1],\n"depth": [2]}}', 2),
        ("levels: {1: a, 01: b}", 1),
        ("a: &a {b: 1}\nc: {<<: *a, <<: *a}", 2),
    ],
)
def test_a_key_that_stands_twice_is_named_with_its_line(text, line):
    with pytest.raises(Unreadable, match="stands twice, first in line") as refused:
        read_document(text)
    assert refused.value.line == line


def test_a_mapping_may_give_a_key_that_is_merged_in_another_value():
    text = "a: &a {b: 1, c: 2}\nd: &d {<<: *a, b: 3}\ne: {<<: [*a, *d], c: 4}"
    assert read_document(text)["e"] == {"b": 1, "c": 4}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, word) for word in ("1:30", "1_000", "yes", "No", "on", "off", "2024-01-01", "=")),
        *((word, word) for word in ("0b11", "-0x1F", "tRue", "1e", "2024-01-01 10:00:00", ".")),
        ("0123", 123),
        ("0o17", 15),
        ("0x1F", 31),
        ("+5", 5),
        ("1e-3", 0.001),
        ("1E5", 1e5),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("True", True),
        ("~", None),
        ("", None),
        (r'"\ud83d\ude00"', "😀"),
    ],
)
def test_words_are_read_by_the_core_schema_of_yaml_1_2(text, value):
    read = read_document(text)
    assert (read, type(read)) == (value, type(value))


def test_what_is_written_is_read_as_it_was():
    words = ["no", "0o17", "1e5", "1:30", "2024-01-01", "1_000", "<<", "=", "~", "", "#a", "😀"]
    document = {"words": words, "numbers": [1, 1e-05, 1e300, True, None]}
    assert read_document(write_document(document)) == document
    assert yaml.safe_load(write_document(document)) == document


def test_values_that_are_used_again_are_read():
    document = read_document("a: &some {width: [8, 16]}\nb: *some\nc: {<<: *some, depth: 1e1}")
    assert document["b"] == {"width": [8, 16]}
    assert document["c"] == {"width": [8, 16], "depth": 10.0}


def test_as_many_levels_as_are_allowed_are_read():
    document = read_document("[" * (MOST_LEVELS - 1) + "1" + "]" * (MOST_LEVELS - 1))
    for _ in range(MOST_LEVELS - 1):
        (document,) = document
    assert document == 1
