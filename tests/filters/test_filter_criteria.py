"""Filter criteria: what they say of a pipeline; no wanted record is left out, and as many others as can be."""

# Whoever breaks a rule reaches inside.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from returns.result import Result, Success

from streamfn import (
    ConfigurationError,
    Event,
    Handler,
    KeysEvent,
    Pipeline,
    Table,
    changed,
    on_event,
    on_insert,
    on_keys,
    on_modify,
    on_remove,
    on_upsert,
    pipeline,
    router,
)
from streamfn._patterns.matching import Matcher, compile_pattern
from streamfn._tables import compiled_table
from streamfn.mappings import Filter, FilterCriteria, filter_criteria
from streamfn.mappings import _filters as packing
from streamfn.mappings import _filters as wanted
from tests.patterns.generated import Generator
from tests.patterns.reference import Json

Pattern = Mapping[str, object]


@dataclass(frozen=True)
class Item:
    """An item of any table."""

    pk: str = ""


def handle(event: Event[Item] | KeysEvent[Item]) -> Result[str, str]:
    """Handle whatever comes."""
    return Success(event.event_id)


ON: Final[Mapping[str, Callable[[str], Handler[Item, str, str]]]] = {
    "insert": lambda name: on_insert(handle, name=name),
    "modify": lambda name: on_modify(handle, name=name),
    "remove": lambda name: on_remove(handle, name=name),
    "upsert": lambda name: on_upsert(lambda event: Success(event.event_id), name=name),
    "event": lambda name: on_event(handle, name=name),
    "keys": lambda name: on_keys(Item, handle, name=name),
}


def following(
    *kinds: str, pattern: Pattern | None = None, table: str = "app", number: int = 0
) -> Pipeline[str, str]:
    """Make a pipeline with a handler for each kind.

    The pattern is any that AWS takes: a table refuses those that no record matches, and the laws hold for them as well.
    """
    handlers = [ON[kind](f"{kind} {number}") for kind in kinds]
    items = Table(table, Item)
    compiled_table(items).matcher = None if pattern is None else compile_pattern(pattern)
    return pipeline(items, handlers[0], *handlers[1:])


def keyed(*texts: object) -> Pattern:
    """Make the pattern of items whose partition key is one of these, or begins so."""
    return {"dynamodb": {"Keys": {"pk": {"S": list(texts)}}}}


def told(criteria: FilterCriteria) -> list[object]:
    """Read the patterns of filters."""
    return [json.loads(each["Pattern"]) for each in criteria["Filters"]]


def lets_through(criteria: FilterCriteria, record: Mapping[str, object]) -> bool:
    """Do as Lambda does."""
    patterns = [matcher(each["Pattern"]) for each in criteria["Filters"]]
    return not patterns or any(pattern(record) for pattern in patterns)


@cache
def matcher(pattern: str) -> Matcher:
    """Compile a pattern that is given as text."""
    return compile_pattern(json.loads(pattern))


def test_kinds_of_change_are_what_handlers_are_for() -> None:
    assert told(filter_criteria(following("insert"))) == [{"eventName": ["INSERT"]}]
    assert told(filter_criteria(following("remove", "insert"))) == [{"eventName": ["INSERT", "REMOVE"]}]
    assert told(filter_criteria(following("upsert"))) == [{"eventName": ["INSERT", "MODIFY"]}]


@pytest.mark.parametrize("kind", ["event", "keys"])
def test_where_everything_is_wanted_there_is_no_filter(kind: str) -> None:
    assert filter_criteria(following(kind)) == {"Filters": []}
    assert filter_criteria(router(following(kind), following("remove", pattern=keyed("a"), number=1))) == {
        "Filters": []
    }


def test_the_pattern_of_a_table_is_asked_for_as_well() -> None:
    assert told(filter_criteria(following("insert", pattern=keyed("a")))) == [
        {"eventName": ["INSERT"], **keyed("a")}
    ]
    assert told(filter_criteria(following("event", pattern=keyed("a")))) == [keyed("a")]


def test_the_kinds_of_item_of_one_table_share_filters_where_they_can() -> None:
    cards = following("insert", pattern=keyed({"prefix": "CARD#"}))
    decks = following("insert", pattern=keyed({"prefix": "DECK#"}), number=1)
    both = keyed({"prefix": "CARD#"}, {"prefix": "DECK#"})
    assert told(filter_criteria(router(cards, decks))) == [{"eventName": ["INSERT"], **both}]
    users = following("remove", pattern=keyed("USER"), number=2)
    assert told(filter_criteria(router(cards, decks, users))) == [
        {"eventName": ["INSERT"], **both},
        {"eventName": ["REMOVE"], **keyed("USER")},
    ]


def test_one_pattern_of_two_tables_takes_one_filter() -> None:
    pattern = {**keyed("a"), "awsRegion": ["eu-west-1"]}
    both = router(following("insert", pattern=pattern), following("insert", pattern=pattern, number=1))
    assert told(filter_criteria(both)) == [{"eventName": ["INSERT"], **pattern}]


def test_patterns_of_other_shapes_stay_apart() -> None:
    one = following("insert", pattern={"dynamodb": {"Keys": {"pk": {"S": ["a"]}}}})
    other = following("insert", pattern={"dynamodb": {"Keys": {"pk": [{"exists": True}]}}}, number=1)
    assert len(filter_criteria(router(one, other))["Filters"]) == 2


def test_a_handler_without_a_pattern_makes_those_of_its_kind_needless() -> None:
    every = router(following("insert"), following("insert", "remove", pattern=keyed("a"), number=1))
    assert told(filter_criteria(every)) == [
        {"eventName": ["INSERT"]},
        {"eventName": ["REMOVE"], **keyed("a")},
    ]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"eventName": ["INSERT"], **keyed("a")}, [{"eventName": ["INSERT"], **keyed("a")}]),
        ({"eventName": [{"anything-but": "MODIFY"}]}, [{"eventName": ["INSERT"]}]),
        (
            {"$or": [{"eventName": ["REMOVE"]}, {"eventName": ["INSERT"], **keyed("a")}]},
            [{"eventName": ["INSERT"], "$or": [keyed("a"), keyed("a")]}],
        ),
        ({"$or": [{"eventName": ["INSERT"]}, keyed("a")]}, [
            {"eventName": ["INSERT"]},
            {"eventName": ["MODIFY"], "$or": [keyed("a"), keyed("a")]},
        ]),
        (
            {"$or": [keyed("a"), keyed("b")]},
            [{"eventName": ["INSERT", "MODIFY"], "$or": [keyed("a"), keyed("b")]}],
        ),
    ],
)  # fmt: skip
def test_a_pattern_may_say_itself_which_kinds_of_change_it_is_for(
    pattern: Pattern, expected: list[Pattern]
) -> None:
    assert told(filter_criteria(following("insert", "modify", pattern=pattern))) == expected


def test_where_conditions_are_functions_and_no_filter_knows_them() -> None:
    only = pipeline(Table("app", Item), on_modify(handle, where=changed(lambda item: item.pk)))
    assert told(filter_criteria(only)) == [{"eventName": ["MODIFY"]}]


def test_a_pipeline_of_several_tables_has_the_filters_of_each() -> None:
    other = Table("prod-Deck", Item)
    both = router(following("insert"), pipeline(other, on_remove(handle)))
    assert told(filter_criteria(both, table="app")) == [{"eventName": ["INSERT"]}]
    assert told(filter_criteria(both, table=other)) == [{"eventName": ["REMOVE"]}]
    with pytest.raises(ConfigurationError, match="for 'app', 'prod-Deck': say which one with table="):
        filter_criteria(both)
    with pytest.raises(ConfigurationError, match="for 'app', 'prod-Deck', and not for 'prod-Card'"):
        filter_criteria(both, table="prod-Card")


def test_one_for_which_nothing_is_wanted_is_a_mistake_and_so_is_no_filter_at_all() -> None:
    nothing = following("insert", pattern={"eventName": ["REMOVE"]})
    with pytest.raises(ConfigurationError, match="no handler wants any record"):
        filter_criteria(nothing)
    alternatives = {"$or": [{"eventName": ["REMOVE"]}, {"eventName": ["MODIFY"]}]}
    with pytest.raises(ConfigurationError, match="no handler wants any record"):
        filter_criteria(following("insert", pattern=alternatives))
    with pytest.raises(ConfigurationError, match="most=0 should be 1 or more"):
        filter_criteria(following("insert"), most=0)


def entities(number: int) -> Pipeline[str, str]:
    """Make a pipeline of so many kinds of item, each with a pattern of another attribute."""
    found = following("insert", pattern={"dynamodb": {"NewImage": {"a0": {"S": ["x"]}}}})
    for index in range(1, number):
        pattern = {"dynamodb": {"NewImage": {f"a{index}": {"S": ["x"]}}}}
        found = router(found, following("insert", pattern=pattern, number=index))
    return found


def image(name: str, event_name: str = "INSERT") -> Mapping[str, object]:
    """Make a record of an item with one attribute."""
    return {"eventName": event_name, "dynamodb": {"NewImage": {name: {"S": "x"}}}}


def test_more_patterns_than_filters_are_joined_and_let_no_more_through() -> None:
    criteria = filter_criteria(entities(12))
    assert len(criteria["Filters"]) == 5
    assert all(lets_through(criteria, image(f"a{index}")) for index in range(12))
    assert not lets_through(criteria, image("a12"))
    assert not lets_through(criteria, image("a0", "REMOVE"))
    assert len(filter_criteria(entities(12), most=10)["Filters"]) in {9, 10}
    assert len(filter_criteria(entities(12), most=1)["Filters"]) == 1


def test_where_an_or_cannot_hold_a_field_two_filters_become_wider() -> None:
    """EventBridge takes no field below `$or` that is called as an operator is."""
    odd = [
        following("insert", pattern={"dynamodb": {name: {"S": ["x"]}}}, number=number)
        for number, name in enumerate(["prefix", "suffix", "exists"])
    ]
    criteria = filter_criteria(router(odd[0], odd[1], odd[2]), most=2)
    assert told(criteria) == [{"eventName": ["INSERT"]}]


def test_a_pattern_that_is_too_long_is_reduced_to_its_kinds_of_change() -> None:
    long = keyed(*("x" * 60 + str(index) for index in range(80)))
    short = following("remove", pattern=keyed("a"), number=1)
    criteria = filter_criteria(router(following("insert", pattern=long), short))
    assert told(criteria) == [{"eventName": ["INSERT"]}, {"eventName": ["REMOVE"], **keyed("a")}]
    everything = filter_criteria(following("event", pattern=long))
    assert everything == {"Filters": []}


def test_through_kinesis_the_tables_share_one_stream_and_changes_are_data() -> None:
    cards, decks = following("insert", pattern=keyed("a")), following("event", table="prod-Deck", number=1)
    criteria = filter_criteria(router(cards, decks), through_kinesis=True)
    assert told(criteria) == [
        {"data": {"tableName": ["app"], "eventName": ["INSERT"], **keyed("a")}},
        {"data": {"tableName": ["prod-Deck"]}},
    ]
    assert (
        told(filter_criteria(router(cards, decks), table="app", through_kinesis=True)) == told(criteria)[:1]
    )
    with pytest.raises(ConfigurationError, match="and not for 'prod-Card'"):
        filter_criteria(cards, table="prod-Card", through_kinesis=True)


@pytest.mark.parametrize(
    ("foreign", "left"),
    [
        ({"eventSourceARN": [{"suffix": "1"}]}, {}),
        ({"dynamodb": {"StreamViewType": ["KEYS_ONLY"]}}, {}),
        ({"dynamodb": {"StreamViewType": ["KEYS_ONLY"], "Keys": {"pk": {"S": ["a"]}}}}, keyed("a")),
        ({"$or": [keyed("a"), {"awsRegion": ["eu-west-1"]}]}, {}),
        ({"$or": [keyed("a"), keyed("b")]}, {"$or": [keyed("a"), keyed("b")]}),
    ],
)
def test_what_kinesis_does_not_tell_is_not_asked_for(foreign: Pattern, left: Pattern) -> None:
    criteria = filter_criteria(following("insert", pattern=foreign), through_kinesis=True)
    assert told(criteria) == [{"data": {"tableName": ["app"], "eventName": ["INSERT"], **left}}]


def test_too_many_filters_for_kinesis_are_widened_to_tables_and_kinds() -> None:
    odd = [
        following("insert", pattern={"dynamodb": {"Keys": {name: {"S": ["x"]}}}}, table=name, number=number)
        for number, name in enumerate(["prefix", "suffix", "exists"])
    ]
    criteria = filter_criteria(router(odd[0], odd[1], odd[2]), through_kinesis=True, most=1)
    tables = ["suffix", "exists", "prefix"]
    assert told(criteria) == [{"data": {"tableName": tables, "eventName": ["INSERT"]}}]


NOT_A: Final = {"anything-but": {"prefix": "a"}}


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        (keyed("a"), keyed("a")),
        (keyed({"anything-but": ["a"]}), keyed({"anything-but": ["a"]})),
        (keyed({"prefix": {"equals-ignore-case": "a"}}), keyed({"prefix": {"equals-ignore-case": "a"}})),
        (keyed(NOT_A), {}),
        (keyed("b", {"anything-but": {"suffix": "a"}}), {}),
        (keyed({"anything-but": {"equals-ignore-case": "a"}}), {}),
        ({"eventID": [{"prefix": "1"}], **keyed(NOT_A)}, {"eventID": [{"prefix": "1"}]}),
        ({"$or": [keyed("a"), keyed("b")]}, {"$or": [keyed("a"), keyed("b")]}),
        ({"$or": [keyed("a"), keyed(NOT_A)]}, {}),
        (
            {"$or": [keyed("a"), {"eventID": [{"prefix": "1"}], **keyed(NOT_A)}]},
            {"$or": [keyed("a"), {"eventID": [{"prefix": "1"}]}]},
        ),
        ({"eventID": [{"exists": False}], **keyed(NOT_A)}, {}),
    ],
)
def test_a_pipe_is_not_asked_for_what_it_cannot_judge(pattern: Pattern, left: Pattern) -> None:
    """Its filters let more through instead."""
    process = following("insert", pattern=pattern)
    assert told(filter_criteria(process, through_pipe=True)) == [{"eventName": ["INSERT"], **left}]
    through_kinesis = filter_criteria(process, through_pipe=True, through_kinesis=True)
    assert told(through_kinesis) == [{"data": {"tableName": ["app"], "eventName": ["INSERT"], **left}}]


# Laws

KINDS: Final = tuple(ON)


@dataclass(frozen=True)
class Case:
    """A pipeline of several patterns of one table, what each is for, and records."""

    routes: Sequence[tuple[Pattern | None, Sequence[str]]]
    records: Sequence[Mapping[str, object]]

    def process(self) -> Pipeline[str, str]:
        """Make the pipeline."""
        first, *others = [
            following(*kinds, pattern=pattern, number=number)
            for number, (pattern, kinds) in enumerate(self.routes)
        ]
        for other in others:
            first = router(first, other)
        return first

    def wants(self, record: Mapping[str, object]) -> bool:
        """Tell whether a handler is for the kind of a record and its pattern matches."""
        names = {
            "insert": {"INSERT"}, "modify": {"MODIFY"}, "remove": {"REMOVE"}, "upsert": {"INSERT", "MODIFY"}
        }  # fmt: skip
        return any(
            any(record["eventName"] in names.get(kind, {"INSERT", "MODIFY", "REMOVE"}) for kind in kinds)
            and (pattern is None or matcher(json.dumps(pattern))(record))
            for pattern, kinds in self.routes
        )


def case(seed: int) -> Case | None:
    """Make a case by chance; none where the patterns are ones that AWS would refuse, or want nothing."""
    generator = Generator(seed)
    routes: list[tuple[Pattern | None, Sequence[str]]] = []
    for _ in range(generator.random.randrange(1, 8)):
        kinds = generator.random.sample(["insert", "modify", "remove"], generator.random.randrange(1, 3))
        drawn = None if generator.chance(0.05) else generator.record_pattern()
        routes.append((as_object(drawn), kinds))
    return Case(routes, [record_of(generator) for _ in range(30)])


def as_object(json_value: Json) -> Pattern | None:
    """Take what was generated for the object that it is."""
    assert json_value is None or isinstance(json_value, dict)
    return None if json_value is None else {**json_value}


def record_of(generator: Generator) -> Mapping[str, object]:
    """Make a record with a kind of change."""
    record = as_object(generator.record())
    assert record is not None
    return {**record, "eventName": generator.random.choice(["INSERT", "MODIFY", "REMOVE"])}


def law(seed: int, most: int) -> None:
    """Let through what is wanted; and nothing else, unless that took more filters than there are."""
    found = case(seed)
    try:
        process = found.process() if found else None
        criteria = filter_criteria(process, most=most) if process else None
    except ConfigurationError:
        return
    if found is None or criteria is None:
        return
    assert len(criteria["Filters"]) <= most
    assert all(len(each["Pattern"]) <= 4_096 for each in criteria["Filters"])
    through_pipe = filter_criteria(process, most=most, through_pipe=True) if process else criteria
    for record in found.records:
        assert lets_through(criteria, record) or not found.wants(record)
        assert lets_through(through_pipe, record) or not found.wants(record)
        if most == 100:
            assert found.wants(record) or not lets_through(criteria, record)


seeds: Final = st.integers(0, 2**32)


@settings(max_examples=300)
@given(seeds, st.sampled_from([1, 2, 5]))
def test_every_record_that_some_handler_wants_passes(seed: int, most: int) -> None:
    law(seed, most)


@settings(max_examples=300)
@given(seeds)
def test_with_filters_enough_no_other_record_passes(seed: int) -> None:
    law(seed, 100)


def dense_case(seed: int) -> Case:
    """Make a case of few names within lists, where the absence of a field depends on what else is asked for."""
    random = Random(seed)  # noqa: S311 (test data)
    asked = [["1"], ["2"], [{"exists": False}], ["1", {"exists": False}], [{"exists": True}], [1], [True]]

    def within() -> Pattern:
        return {name: {"S": random.choice(asked)} for name in random.sample("abc", random.randint(1, 3))}

    def pattern() -> Pattern:
        lists = {"t": {"L": {"M": within()}}} | (
            {"u": {"L": {"M": within()}}} if random.random() < 0.3 else {}
        )
        asking: Pattern = {"dynamodb": {"NewImage": lists}}
        kinds = {"$or": [{"eventName": ["INSERT"]}, {"dynamodb": {"Keys": {"pk": {"S": ["1"]}}}}]}
        return {**asking, **kinds} if random.random() < 0.2 else asking

    def elements() -> object:
        return {
            "L": [
                {
                    "M": {
                        name: {"S": random.choice("12")}
                        for name in random.sample("abc", random.randint(0, 3))
                    }
                }
                for _ in range(random.randint(0, 3))
            ]
        }

    def record() -> Mapping[str, object]:
        return {
            "eventName": "INSERT",
            "dynamodb": {"Keys": {}, "NewImage": {"t": elements(), "u": elements()}},
        }

    routes = [(pattern(), ["insert"]) for _ in range(random.randint(2, 7))]
    return Case(routes, [record() for _ in range(40)])


@settings(max_examples=200)
@given(seeds, st.integers(1, 5), st.booleans())
def test_a_field_that_is_to_be_absent_in_a_list_loses_no_record(seed: int, most: int, kinesis: bool) -> None:  # noqa: FBT001 (hypothesis passes it)
    found = dense_case(seed)
    criteria = filter_criteria(found.process(), most=most, through_kinesis=kinesis)
    for record in found.records:
        seen = {"data": {**record, "tableName": "app"}} if kinesis else record
        assert lets_through(criteria, seen) or not found.wants(record)


def test_an_or_that_is_always_true_leaves_no_absence_behind() -> None:
    """Which would be judged among all elements then, and not among those that the `$or` had left open."""
    absent = {"dynamodb": {"NewImage": {"tags": {"L": {"M": {"b": {"S": [{"exists": False}]}}}}}}}
    tagged = {"dynamodb": {"NewImage": {"tags": {"L": {"M": {"a": {"S": ["1"]}}}}}}}
    pattern = {**absent, "$or": [{"eventName": ["INSERT"]}, tagged]}
    assert told(filter_criteria(following("insert", pattern=pattern))) == [{"eventName": ["INSERT"]}]


def test_where_kinesis_tells_less_absence_is_not_asked_for_either() -> None:
    absent = {"dynamodb": {"NewImage": {"b": {"S": [{"exists": False}]}}}, "awsRegion": ["eu-west-1"]}
    criteria = filter_criteria(following("insert", pattern=absent), through_kinesis=True)
    assert told(criteria) == [{"data": {"tableName": ["app"], "eventName": ["INSERT"]}}]


def test_what_is_joined_stays_short_enough_and_what_fits_is_not_widened() -> None:
    texts = [f"value-{number:03}" for number in range(100)]
    many = [
        following(
            "insert",
            pattern={"dynamodb": {"NewImage": {f"attr{index}": {"S": texts}}}},
            number=index,
        )
        for index in range(8)
    ]
    joined = many[0]
    for each in many[1:]:
        joined = router(joined, each)
    lengths = [len(each["Pattern"]) for each in filter_criteria(joined)["Filters"]]
    assert len(lengths) == 5
    assert max(lengths) <= 4_096
    halves = [keyed(*(f"{half}-{'x' * 40}{number}" for number in range(50))) for half in "ab"]
    two = router(following("insert", pattern=halves[0]), following("insert", pattern=halves[1], number=1))
    assert told(filter_criteria(two)) == [{"eventName": ["INSERT"], **half} for half in halves]


def test_names_of_tables_for_which_there_is_no_room_are_left_out() -> None:
    names = [f"{'t' * 240}{number:02}" for number in range(20)]
    joined = following("insert", table=names[0])
    for number, name in enumerate(names[1:], 1):
        joined = router(joined, following("insert", table=name, number=number))
    criteria = filter_criteria(joined, through_kinesis=True)
    assert all(len(each["Pattern"]) <= 4_096 for each in criteria["Filters"])
    for name in names:
        assert lets_through(criteria, {"data": {"tableName": name, "eventName": "INSERT"}})


def test_a_number_is_not_taken_for_true_and_names_of_tables_may_be_asked_for() -> None:
    one = following("insert", pattern={"dynamodb": {"NewImage": {"x": {"BOOL": [1]}}}})
    true = following("insert", pattern={"dynamodb": {"NewImage": {"x": {"BOOL": [True]}}}}, number=1)
    (pattern,) = filter_criteria(router(one, true))["Filters"]
    assert '"BOOL":[1,true]' in pattern["Pattern"]
    named = following("insert", pattern={"tableName": [{"prefix": "p"}]}, number=2)
    assert filter_criteria(router(one, named), most=1)["Filters"]


def dropping_the_kinds_of_the_second(patch: pytest.MonkeyPatch) -> None:
    """Join two filters and forget what one of them is for."""

    def joined(one: Pattern, other: Pattern, *, same_fields: bool) -> Pattern | None:
        assert same_fields in {True, False}
        return one if one.keys() == other.keys() else None

    patch.setattr(packing, "_joined", joined)


def keeping_to_the_event_name(patch: pytest.MonkeyPatch) -> None:
    """Leave a pattern out that says itself which kinds it is for."""

    def for_kind(pattern: Pattern, _: str) -> Pattern | None:
        return None if "eventName" in pattern else pattern

    patch.setattr(wanted, "without_event_name", for_kind)


def covering_what_asks_for_less(patch: pytest.MonkeyPatch) -> None:
    """Take the narrower of two filters for the wider one."""
    covers = packing._covers

    def covered(wide: Pattern, narrow: Pattern, *, same_fields: bool) -> bool:
        return covers(narrow, wide, same_fields=same_fields)

    patch.setattr(packing, "_covers", covered)


@pytest.mark.parametrize(
    "careless", [dropping_the_kinds_of_the_second, keeping_to_the_event_name, covering_what_asks_for_less]
)
def test_the_laws_catch_a_careless_computation(
    careless: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    careless(monkeypatch)

    def laws() -> None:
        for seed in range(2_000):
            law(seed, 5)

    with pytest.raises(AssertionError):
        laws()


def test_criteria_are_what_boto3_takes() -> None:
    criteria: FilterCriteria = filter_criteria(following("insert"))
    only: Filter = criteria["Filters"][0]
    assert isinstance(only["Pattern"], str)
