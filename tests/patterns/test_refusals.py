"""A pattern that Lambda would not take is refused when it is compiled, with where it is wrong and what to write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

import pytest

from streamfn import ConfigurationError
from streamfn._patterns.matching import compile_pattern

NESTED: dict[str, object] = {}
NESTED["a"] = NESTED


def message(pattern: object) -> str:
    """Give what a pattern is refused with."""
    with pytest.raises(ConfigurationError) as refusal:
        compile_pattern(cast("Mapping[str, object]", pattern))  # some are none
    return str(refusal.value)


@pytest.mark.parametrize(
    ("pattern", "where", "why"),
    [
        ([], "$", "no object; write an object"),
        ({}, "$", "an empty object matches nothing"),
        ({"a": {}}, "$.a", "an empty object matches nothing"),
        ({"a": []}, "$.a", "an empty array matches nothing"),
        ({"a": "x"}, "$.a", 'a value stands in an array; write ["x"]'),
        ({"a": {"prefix": "x"}}, "$.a.prefix", 'within an array; write [{"prefix": "x"}]'),
        ({"a": None}, "$.a", "write [null]"),
        ({1: ["x"]}, "$", "1 is no name of a field"),
        ({"a": [{"x"}]}, "$.a[0]", "JSON has no {'x'}"),
        ({"a": [float("nan")]}, "$.a[0]", "JSON has no nan"),
        ({"a": [float("inf")]}, "$.a[0]", "JSON has no inf"),
        ({"a": [b"x"]}, "$.a[0]", "JSON has no b'x'"),
        ({"a": [["x"]]}, "$.a[0]", "write all values in one"),
        (NESTED, "$.a.a.a", "nested more than 100 levels deep"),
    ],
)
def test_what_is_no_pattern(pattern: object, where: str, why: str) -> None:
    assert message(pattern).startswith(f"pattern, at {where}")
    assert why in message(pattern)


OPERATIONS: Final[list[tuple[object, str, str]]] = [
    ({}, "", "an object of 0 entries"),
    ({"prefix": "x", "suffix": "y"}, "", "an object of 2 entries; write an object for each operator"),
    (
        {"regex": "x"},
        "",
        "'regex' is no operator here; write prefix, suffix, equals-ignore-case, anything-but",
    ),
    ({"wildcard": "x*"}, "", "Lambda's filters have no operator 'wildcard'"),
    ({"cidr": "10.0.0.0/24"}, "", "Lambda's filters have no operator 'cidr'"),
    ({"exactly": "x"}, "", "Lambda's filters have no operator 'exactly'"),
    ({"prefix": 1}, ".prefix", "1 is no text; write text"),
    ({"suffix": None}, ".suffix", "None is no text; write text"),
    ({"prefix": {"suffix": "x"}}, ".prefix", "'suffix' is no operator here; write equals-ignore-case"),
    ({"suffix": {"equals-ignore-case": 1}}, ".suffix.equals-ignore-case", "1 is no text"),
    ({"equals-ignore-case": ["x"]}, ".equals-ignore-case", "['x'] is no text"),
    ({"anything-but": []}, ".anything-but", "an empty array excludes nothing"),
    ({"anything-but": True}, ".anything-but", "excludes texts or numbers; list the values that are wanted"),
    ({"anything-but": [1, None]}, ".anything-but[1]", "excludes texts or numbers"),
    ({"anything-but": [1, "x"]}, ".anything-but[1]", "'x' is no number"),
    ({"anything-but": ["x", 1]}, ".anything-but[1]", "1 is no text"),
    ({"anything-but": 5_000_000_001}, ".anything-but", "is beyond ±5000000000 or six decimal places"),
    ({"anything-but": {"numeric": ["=", 1]}}, ".anything-but", "'numeric' is no operator here"),
    (
        {"anything-but": {"wildcard": "x"}},
        ".anything-but",
        "Lambda's filters have no operator 'wildcard'",
    ),
    ({"anything-but": {"prefix": ["x", ""]}}, ".anything-but.prefix[1]", "write some text"),
    ({"anything-but": {"suffix": []}}, ".anything-but.suffix", "an empty array excludes nothing"),
    ({"numeric": 1}, ".numeric", "1 is no range; write one such as"),
    ({"numeric": []}, ".numeric", "[] is no range"),
    ({"numeric": ["="]}, ".numeric", "['='] is no range"),
    ({"numeric": ["==", 1]}, ".numeric", "['==', 1] is no range"),
    ({"numeric": ["<", 1, ">", 0]}, ".numeric", "is no range"),
    ({"numeric": ["=", 1, "<", 2]}, ".numeric", "is no range"),
    ({"numeric": [">", 1, "<"]}, ".numeric", "is no range"),
    ({"numeric": [[], 1]}, ".numeric", "is no range"),
    ({"numeric": ["=", "1"]}, ".numeric[1]", "'1' is no number"),
    ({"numeric": ["=", True]}, ".numeric[1]", "True is no number"),
    (
        {"numeric": [">", 0, "<", 0.1234567]},
        ".numeric[3]",
        "0.1234567 is beyond ±5000000000 or six decimal places",
    ),
    ({"numeric": [">", 1, "<=", 1]}, ".numeric", "nothing is between 1 and 1"),
    ({"exists": "true"}, ".exists", "write true or false"),
    ({"exists": 1}, ".exists", "write true or false"),
]


@pytest.mark.parametrize(("element", "where", "why"), OPERATIONS)
def test_what_is_no_operation(element: object, where: str, why: str) -> None:
    refusal = message({"dynamodb": {"Keys": {"id": {"S": ["x", element]}}}})
    assert refusal.startswith(f"pattern, at $.dynamodb.Keys.id.S[1]{where}: ")
    assert why in refusal


@pytest.mark.parametrize(
    ("pattern", "where", "why"),
    [
        ({"$or": {"a": ["x"]}}, "$.$or", "an array of at least two objects"),
        ({"$or": [{"a": ["x"]}]}, "$.$or", "an array of at least two objects"),
        ({"$or": [{"a": ["x"]}, "x"]}, "$.$or[1]", "'x' is no object"),
        ({"$or": [{"a": ["x"]}, {}]}, "$.$or[1]", "an empty object"),
        ({"$or": [{"a": ["x"]}, {"prefix": ["x"]}]}, "$.$or[1].prefix", "can have the name of an operator"),
        (
            {"$or": [{"a": ["x"]}, {"a": {"regex": ["x"]}}]},
            "$.$or[1].a.regex",
            "can have the name of an operator",
        ),
        ({"a": ["x"], "$or": [{"b": ["x"]}, {"a": ["y"]}]}, "$.$or[1].a", "asks twice for one field"),
        ({"$or": [{"b": ["x"]}, {"a": ["y"]}], "a": ["x"]}, "$.a", "asks twice for one field"),
        ({"a.b": ["x"], "a": {"b": ["y"]}}, "$.a.b", "asks twice for one field"),
        (
            {f"field {number}": {"$or": [{"a": ["x"]}, {"b": ["x"]}]} for number in range(10)},
            "$.field 9.$or",
            "makes more than 1000 alternatives",
        ),
    ],
)
def test_what_are_no_alternatives(pattern: object, where: str, why: str) -> None:
    assert message(pattern).startswith(f"pattern, at {where}: ")
    assert why in message(pattern)


def test_a_field_may_have_the_name_of_an_operator_elsewhere() -> None:
    assert compile_pattern({"prefix": ["x"]})({"prefix": "x"})
