"""What Lambda's filters are documented to do with a pattern, or event-ruler is seen to do, a fact each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

import pytest

from streamfn._patterns.matching import compile_pattern

Fields: TypeAlias = Mapping[str, object]


def match(wanted: object, *values: Fields) -> list[bool]:
    """Tell of attribute values whether they have what is wanted by a pattern, below the attribute's name."""
    matcher = compile_pattern({"dynamodb": {"NewImage": {"kind": wanted}}})
    return [
        matcher({"eventName": "INSERT", "dynamodb": {"Keys": {}, "NewImage": {"kind": each}}})
        for each in values
    ]


def of_text(element: object, *texts: object) -> list[bool]:
    """Tell whether the text in an attribute, or what stands in its place, satisfies an element of a pattern."""
    return match({"S": [element]}, *({"S": text} for text in texts))


def test_text_equals_itself_alone() -> None:
    """Character by character, without folding or normalisation (Filter rule syntax, the note)."""
    assert [True, False, False] == of_text("café", "café", "Café", "cafe\u0301")


def test_empty_text_is_a_value() -> None:
    """Empty is an operator of its own in the guide."""
    assert [True, False] == of_text("", "", " ")


def test_null_is_a_value() -> None:
    """Null is an operator of its own in the guide; no field is no null."""
    assert [True, False, False] == of_text(None, None, "null", "")
    assert [False] == match({"S": [None]}, {})


def test_a_value_has_a_type() -> None:
    """Text is compared with its quotes (JSON text matching, in event-ruler's README)."""
    assert [True, False, False] == match({"BOOL": [True]}, {"BOOL": True}, {"BOOL": "true"}, {"BOOL": 1})
    assert [False, True] == of_text("1", 1, "1")


def test_numbers_are_equal_by_value() -> None:
    """Each number of a pattern is compared as a number too (writeRules of event-ruler's JsonRuleCompiler)."""
    assert [True, True, True, False] == of_text(300, 300, 300.0, 3e2, "300")
    assert [True, False] == of_text(6_000_000_000, 6_000_000_000, 6_000_000_001)


def test_any_value_of_an_array_will_do() -> None:
    """Or is an array of values in the guide."""
    assert [True, True, False] == match({"S": ["a", "b"]}, {"S": "a"}, {"S": "b"}, {"S": "c"})


def test_all_fields_have_to_match() -> None:
    """And is several fields in the guide; what a pattern leaves out does not matter."""
    both = compile_pattern({"eventName": ["INSERT"], "dynamodb": {"Keys": {"id": {"N": ["1"]}}}})
    records = [("INSERT", "1"), ("INSERT", "2"), ("REMOVE", "1")]
    assert [True, False, False] == [
        both({"eventName": name, "dynamodb": {"Keys": {"id": {"N": number}}, "SizeBytes": 7}})
        for name, number in records
    ]


def test_prefix_and_suffix_are_of_text() -> None:
    """They only work on values that are strings (event-ruler's README)."""
    assert [True, True, False, False, False] == of_text({"prefix": "ab"}, "ab", "abc", "Abc", "xab", None)
    assert [True, True, False, False, False] == of_text({"suffix": "ab"}, "ab", "xab", "xAb", "abx", 1)
    assert [True, False] == of_text({"prefix": ""}, "x", 1)


def test_the_quotes_are_part_of_text() -> None:
    """A prefix begins with one quote, and nothing keeps it from ending with the other (JsonRuleCompiler)."""
    assert [True, True, False] == of_text({"prefix": 'ab"'}, "ab", 'ab"c', "abc")
    assert [True, True, False] == of_text({"suffix": '"ab'}, "ab", 'x"ab', "xab")


def test_case_is_ignored_where_that_is_asked_for() -> None:
    """Each letter is as good in lower as in upper case (event-ruler's EqualsIgnoreCaseParser)."""
    assert [True, True, False, False] == of_text({"equals-ignore-case": "aB"}, "Ab", "AB", "abc", None)
    assert [True, True, True, False] == of_text({"equals-ignore-case": "ß"}, "ß", "SS", "ß", "ss")
    assert [True, False] == of_text({"equals-ignore-case": "k"}, "K", "\u212a")
    assert [True, False] == of_text({"prefix": {"equals-ignore-case": "aB"}}, "AbC", "xab")
    assert [True, False] == of_text({"suffix": {"equals-ignore-case": "aB"}}, "xAb\nab", "abx")


def test_case_is_not_ignored_beyond_the_first_plane() -> None:
    """Java has two characters there, halves that UTF-8 has no form for (event-ruler's EqualsIgnoreCaseParser)."""
    small, large = "\U00010428", "\U00010400"
    assert [False, False, True] == of_text({"equals-ignore-case": small}, small, large, "??")
    assert [False, True] == of_text({"equals-ignore-case": f"a{large}"}, f"A{large}", "A??")
    assert [True, False] == of_text({"prefix": {"equals-ignore-case": small}}, "??x", small)
    assert [True, False] == of_text({"suffix": {"equals-ignore-case": small}}, "x??", small)
    assert [True, False] == of_text({"anything-but": {"equals-ignore-case": small}}, small, "??")
    assert [True, False] == of_text({"equals-ignore-case": "\ud801"}, "?", "??")


def test_anything_but_wants_a_value() -> None:
    """One that is not there is nothing to be other than something."""
    assert [True, False] == of_text({"anything-but": "a"}, "b", "a")
    assert [False, False] == match({"S": [{"anything-but": "a"}]}, {}, {"N": "1"})


def test_anything_but_takes_other_types() -> None:
    """What is no text, or no number, was not excluded (doTransitionOn of event-ruler's ByteMachine)."""
    assert [False, False, True, True, True] == of_text({"anything-but": ["1", "2"]}, "1", "2", 1, None, 1.5)
    assert [False, False, True, True] == of_text({"anything-but": [1, 2]}, 1, 2.0, "1", None)
    assert [False, True, True] == of_text({"anything-but": {"prefix": ["a", "b"]}}, "bc", "c", 1)
    assert [False, True] == of_text({"anything-but": {"suffix": "a"}}, "ba", "ab")
    assert [False, True] == of_text({"anything-but": {"equals-ignore-case": ["aB", "c"]}}, "C", "d")


def test_anything_but_takes_any_element() -> None:
    """Another member of a set is a value that is not excluded."""
    assert [False, True] == match({"SS": [{"anything-but": "a"}]}, {"SS": ["a"]}, {"SS": ["a", "b"]})


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (["=", 1], [1]),
        (["<", 1], [0, 0.999999]),
        (["<=", 1], [0, 0.999999, 1]),
        ([">", 1], [1.000001, 2]),
        ([">=", 1], [1, 1.000001, 2]),
        ([">", 0, "<=", 1], [0.999999, 1]),
        ([">=", 0, "<", 1], [0, 0.999999]),
    ],
)
def test_numeric_is_of_ranges(wanted: list[object], numbers: list[float]) -> None:
    """To six decimal places."""
    some = [0, 0.999999, 1, 1.000001, 2]
    assert numbers == [
        each for each, held in zip(some, of_text({"numeric": wanted}, *some), strict=True) if held
    ]


def test_numeric_is_not_of_attributes() -> None:
    """The content of N is text, which no number equals (seen in real filters)."""
    assert [False, False] == match({"N": [{"numeric": ["=", 1]}, 1]}, {"N": "1"}, {"N": "1.0"})


def test_numeric_does_not_see_all_numbers() -> None:
    """It reaches five billion either way, and six decimal places (Numeric matching in EventBridge's guide)."""
    assert [True, False, False] == of_text({"numeric": [">", 0]}, 5_000_000_000, 5_000_000_001, 0.0000001)


def test_exists_is_about_values() -> None:
    """It only works on leaf nodes; null is one, and objects and arrays are none by themselves (README)."""
    values: list[Fields] = [{"S": ""}, {"S": None}, {"S": []}, {"S": {}}, {"S": {"x": 1}}, {}]
    assert [True, True, False, False, False, False] == match({"S": [{"exists": True}]}, *values)
    assert [False, False, True, True, True, True] == match({"S": [{"exists": False}]}, *values)


def test_what_exists_is_not_an_image() -> None:
    """An image is an object: the pattern for records without one has to name an attribute."""
    record = {"eventName": "INSERT", "dynamodb": {"Keys": {"id": {"N": "1"}}, "NewImage": {"id": {"N": "1"}}}}
    assert not compile_pattern({"dynamodb": {"NewImage": [{"exists": True}]}})(record)
    assert compile_pattern({"dynamodb": {"NewImage": [{"exists": False}]}})(record)
    assert compile_pattern({"dynamodb": {"OldImage": {"id": {"N": [{"exists": False}]}}}})(record)


def test_absence_can_be_one_of_several_answers() -> None:
    """It is one more element of an array."""
    wanted = {"S": ["a", {"exists": False}]}
    assert [True, True, False] == match(wanted, {"S": "a"}, {"N": "1"}, {"S": "b"})


def test_an_array_is_looked_into() -> None:
    """The pattern matches if it has a value in common with the array (Arrays in EventBridge's guide)."""
    assert [True, False, False] == match({"SS": ["b"]}, {"SS": ["a", "b"]}, {"SS": ["a"]}, {"SS": []})
    assert [True, False] == match({"L": {"S": ["b"]}}, {"L": [{"S": "a"}, {"S": "b"}]}, {"L": [{"N": "1"}]})
    lists: Fields = {"L": [{"L": [{"N": "1"}]}, {"L": [{"S": "a"}, {"S": "b"}]}]}
    assert [True] == match({"L": {"L": {"S": ["b"]}}}, lists)
    assert [True] == match({"S": ["b"]}, {"S": [["a"], ["b"]]})


def line(name: str, **attributes: str) -> Fields:
    return {"M": {"name": {"S": name}, **{each: {"S": text} for each, text in attributes.items()}}}


def test_fields_below_an_array_match_within_one_element() -> None:
    """No two fields may be in different elements of the same array (JSON Array Matching in the README)."""
    wanted = {"L": {"M": {"name": {"S": ["Anna"]}, "city": {"S": ["Bonn"]}}}}
    together, apart = (
        [line("Anna", city="Bonn"), line("Otto", city="Ulm")],
        [line("Anna"), line("Otto", city="Bonn")],
    )
    assert [True, False] == match(wanted, {"L": together}, {"L": apart})


def test_fields_of_different_arrays_need_not_agree() -> None:
    """Each array has elements of its own."""
    wanted = compile_pattern({"dynamodb": {"NewImage": {"a": {"L": {"S": ["x"]}}, "b": {"L": {"S": ["y"]}}}}})
    shared = [{"S": "x"}, {"S": "y"}]
    assert wanted(
        {
            "eventName": "INSERT",
            "dynamodb": {"Keys": {}, "NewImage": {"a": {"L": shared}, "b": {"L": shared}}},
        }
    )


def test_members_of_a_set_are_together() -> None:
    """Only objects and arrays are within an element (traverseArray of event-ruler's Event)."""
    wanted = {"L": {"M": {"city": {"S": ["Bonn"]}}}, "SS": ["b"]}
    assert [True] == match(wanted, {"L": [line("Anna", city="Bonn")], "SS": ["a", "b"]})


def test_absence_within_an_array_is_that_of_an_element() -> None:
    """What contradicts the elements so far does not count (getNameTransitions of event-ruler's NameState)."""
    wanted = {"L": {"M": {"name": {"S": ["Anna"]}, "zip": {"S": [{"exists": False}]}}}}
    assert [True, False] == match(
        wanted, {"L": [line("Anna"), line("Otto", zip="1")]}, {"L": [line("Anna", zip="1")]}
    )


def test_absence_is_asked_for_in_the_order_of_paths() -> None:
    """The states of event-ruler follow the sorted names: before a name there is no element to be absent from."""
    wanted = {"L": {"M": {"city": {"S": [{"exists": False}]}, "name": {"S": ["Anna"]}}}}
    assert [False, True] == match(
        wanted, {"L": [line("Anna"), line("Otto", city="Ulm")]}, {"L": [line("Anna")]}
    )


def test_one_of_several_fields_is_enough_below_or() -> None:
    """$or stands anywhere, with other fields and within itself; the fields beside it hold in any case."""
    either = {
        "$or": [{"S": ["a"]}, {"N": ["1"], "$or": [{"SS": ["x"]}, {"NS": ["2"]}]}],
        "B": [{"exists": False}],
    }
    values: list[Fields] = [{"S": "a"}, {"N": "1"}, {"N": "1", "NS": ["2"]}, {"S": "a", "B": "YQ=="}]
    assert [True, False, True, False] == match(either, *values)


def test_dots_lead_from_name_to_name() -> None:
    """Names are joined by dots, in patterns and records alike (the caveat on keys with dots in the README)."""
    dotted, nested = {"a.M.b": {"S": "x"}}, {"a": {"M": {"b": {"S": "x"}}}}
    for image_pattern in ({"a.M.b": {"S": ["x"]}}, {"a": {"M": {"b": {"S": ["x"]}}}}):
        matcher = compile_pattern({"dynamodb": {"NewImage": image_pattern}})
        assert matcher({"dynamodb": {"Keys": {}, "NewImage": dotted}})
        assert matcher({"dynamodb": {"Keys": {}, "NewImage": nested}})


def test_a_field_may_end_where_another_goes_on() -> None:
    """An array can hold a value as well as an object."""
    matcher = compile_pattern({"$or": [{"a": ["x"], "a.b": ["y"]}, {"c.d": ["y"], "c": ["x"]}]})
    assert [True, False, True] == [
        matcher(each) for each in ({"a": ["x", {"b": "y"}]}, {"a": ["x"]}, {"c": [{"d": "y"}, "x"]})
    ]


def test_binaries_are_base64_text() -> None:
    """They are so in a Lambda event; boto3 has made bytes of them."""
    assert [True, True, False] == match({"B": ["aGk="]}, {"B": "aGk="}, {"B": b"hi"}, {"B": b"ho"})
    assert [True, False] == match({"BS": [{"prefix": "aG"}]}, {"BS": [b"ho", b"hi"]}, {"BS": [b""]})


def test_times_are_seconds() -> None:
    """They are so in a Lambda event; boto3 has made datetimes of them."""
    matcher = compile_pattern(
        {"dynamodb": {"ApproximateCreationDateTime": [{"numeric": [">=", 1_700_000_000]}]}}
    )
    moments = [
        1_700_000_000.5,
        datetime.fromtimestamp(1_700_000_000, UTC),
        datetime.fromtimestamp(1_600_000_000, UTC),
    ]
    assert [True, True, False] == [
        matcher({"dynamodb": {"ApproximateCreationDateTime": each}}) for each in moments
    ]


def test_what_is_no_json_is_there_at_least() -> None:
    """A record made by hand may hold it, Lambda's hold none."""
    assert [True, True] == of_text({"exists": True}, float("nan"), object())
    assert [False, False] == of_text(1, float("nan"), object())


def test_a_member_of_an_enum_is_its_text() -> None:
    class Kind(StrEnum):
        CARD = "card"

    assert [True, False] == of_text(Kind.CARD, "card", "CARD")


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"dynamodb": None},
        {"dynamodb": "text"},
        {"dynamodb": {}},
        {"dynamodb": {"NewImage": None}},
        {"dynamodb": {"NewImage": []}},
        {"dynamodb": {"NewImage": 1}},
        {"dynamodb": {"NewImage": {}}},
        {"dynamodb": {"NewImage": {"kind": None}}},
        {"dynamodb": {"NewImage": {"kind": "S"}}},
        {"dynamodb": {"NewImage": {"kind": {"S": {"a": "a"}}}}},
    ],
)
def test_what_is_no_record_does_not_match(record: Fields) -> None:
    """Nor does it raise; what is wanted to be absent is so."""
    wanted = {"dynamodb": {"NewImage": {"kind": {"S": ["a", {"prefix": "b"}]}}}}
    assert not compile_pattern(wanted)(record)
    assert compile_pattern({"dynamodb": {"NewImage": {"kind": {"S": [{"exists": False}]}}}})(record)
