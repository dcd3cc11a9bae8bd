"""A matcher says what it was made of, and by which one look-up it could be told from others."""

from __future__ import annotations

import json

import pytest

from streamfn._patterns.matching import compile_pattern, text_at

PATH = ("dynamodb", "NewImage", "kind", "S")


def of_kind(*elements: object) -> dict[str, object]:
    return {"dynamodb": {"NewImage": {"kind": {"S": list(elements)}}}}


def record(kind: object) -> dict[str, object]:
    return {"eventName": "INSERT", "dynamodb": {"Keys": {}, "NewImage": {"kind": {"S": kind}}}}


def test_the_pattern_is_kept_as_json() -> None:
    """What becomes of the caller's objects later is not the matcher's concern."""
    names = ["INSERT"]
    matcher = compile_pattern({"eventName": names, "dynamodb": {"Keys": {"id": {"N": ("1", 2, None)}}}})
    names.append("REMOVE")
    assert {"eventName": ["INSERT"], "dynamodb": {"Keys": {"id": {"N": ["1", 2, None]}}}} == matcher.pattern
    assert matcher.pattern == json.loads(json.dumps(matcher.pattern))


def test_a_pattern_of_texts_at_one_path_says_so() -> None:
    cards, insertions = compile_pattern(of_kind("card", "note")), compile_pattern({"eventName": ["INSERT"]})
    assert (PATH, frozenset({"card", "note"})) == (cards.path, cards.values)
    assert (("eventName",), frozenset({"INSERT"})) == (insertions.path, insertions.values)


@pytest.mark.parametrize(
    "pattern",
    [
        of_kind("card", 1),
        of_kind("card", None),
        of_kind("card", {"prefix": "c"}),
        of_kind("card", {"suffix": "c"}),
        of_kind("card", {"exists": False}),
        of_kind({"equals-ignore-case": "card"}),
        {**of_kind("card"), "eventName": ["INSERT"]},
        {"$or": [of_kind("card"), of_kind("note")]},
        {"dynamodb": {"NewImage": {"kind": {"B": ["aGk="]}}}},
        {"dynamodb": {"NewImage": {"owner": {"M": {"kind": {"S": ["card"]}}}}}},
    ],
)
def test_any_other_pattern_does_not(pattern: dict[str, object]) -> None:
    matcher = compile_pattern(pattern)
    assert (None, frozenset()) == (matcher.path, matcher.values)


def test_one_look_up_tells_many_patterns_apart() -> None:
    """The text at their path is the key to the pattern that matches, as each by itself would say."""
    matchers = [compile_pattern(of_kind(f"kind {number}", f"other {number}")) for number in range(20)]
    by_text = {text: [matcher] for matcher in matchers for text in matcher.values}
    read = text_at(PATH)
    for kind in ("kind 7", "other 19", "none", "", None, 1):
        told = by_text.get(read(record(kind)) or "", [])
        assert [each for each in matchers if each.matches(record(kind))] == told


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"dynamodb": {}},
        {"dynamodb": {"NewImage": None}},
        {"dynamodb": {"NewImage": []}},
        record([]),
        record(1),
    ],
)
def test_no_text_is_read_where_none_is(found: dict[str, object]) -> None:
    assert text_at(PATH)(found) is None
