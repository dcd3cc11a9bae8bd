"""The evaluator and the reference agree on every pattern and record; one that is wrong is found out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from streamfn import ConfigurationError
from streamfn._patterns.matching import SearchMatcher, compile_pattern
from streamfn._patterns.syntax import alternatives_of
from tests.patterns.generated import Generator
from tests.patterns.reference import Elements, Field, Json, Reference

Matches = Callable[[Mapping[str, object]], bool]
Compile = Callable[[Mapping[str, object]], Matches]
Make = Callable[[Generator], tuple[Json, list[Json]]]

EXAMPLES: Final = 200
PATTERNS: Final = 3
RECORDS: Final = 8
"""How many patterns are made of one seed, and how many records for each."""

WRONG: Final = "assert (True is False|False is True)"
"""How the law puts a disagreement."""

CHANCE: Final = ("asks twice", "alternatives")
"""What can be wrong with a generated pattern: dots can lead to one field, and choices multiply."""


def of_records(generator: Generator) -> tuple[Json, list[Json]]:
    return generator.record_pattern(), [generator.record() for _ in range(RECORDS)]


def of_documents(generator: Generator) -> tuple[Json, list[Json]]:
    return generator.pattern(), [generator.document() for _ in range(RECORDS)]


def of_lines(generator: Generator) -> tuple[Json, list[Json]]:
    return generator.lines_pattern(), [generator.lines() for _ in range(RECORDS)]


def searched(pattern: Mapping[str, object]) -> Matches:
    """Leave the written functions out, which need records of the usual shape."""
    searches = [SearchMatcher(each) for each in alternatives_of(pattern)]
    return lambda record: any(search(record) for search in searches)


def as_fields(json: Json) -> Mapping[str, object]:
    """Take patterns and records for the objects that they are."""
    assert isinstance(json, dict)
    return {**json}


def hold_to_the_law(compiling: Compile, make: Make, reference: Callable[[], Reference]) -> None:
    """Expect the same of both, whatever the pattern and the record; and neither always the same."""
    answers: Counter[bool] = Counter()

    @settings(max_examples=EXAMPLES, phases=[Phase.generate])  # a smaller seed is no smaller pattern
    @given(st.integers(0, 2**32))
    def law(seed: int) -> None:
        generator = Generator(seed)
        for pattern, records in (make(generator) for _ in range(PATTERNS)):
            try:
                matches = compiling(as_fields(pattern))
            except ConfigurationError as error:
                if not any(reason in str(error) for reason in CHANCE):
                    raise
                continue
            for record in records:
                found = matches(as_fields(record))
                assert found is reference().matches(pattern, record), (pattern, record)
                answers[found] += 1

    law()
    assert min(answers[True], answers[False]) > EXAMPLES, answers


def test_they_agree_on_records() -> None:
    """Most are told by functions that were written for the pattern."""
    hold_to_the_law(compile_pattern, of_records, Reference)


def test_they_agree_on_what_can_only_be_searched() -> None:
    """Arrays stand anywhere, and dots in any name."""
    hold_to_the_law(searched, of_documents, Reference)


def test_they_agree_on_what_is_within_one_element() -> None:
    """Arrays are within arrays, and several fields are wanted of their elements."""
    hold_to_the_law(compile_pattern, of_lines, Reference)


class AcrossElements(Reference):
    """Takes values from whichever elements of an array."""

    @override
    def agree(self, some: Elements, others: Elements) -> bool:
        return True


class AbsentFirst(Reference):
    """Looks for what has to be absent before it knows any elements."""

    @override
    def satisfied(self, wanted: Mapping[str, list[Json]], fields: list[Field], so_far: Elements) -> bool:
        paths = {field.path for field in fields}
        asked = {
            path: [each for each in array if each != {"exists": False}] for path, array in wanted.items()
        }
        if any(path in paths and not array for path, array in asked.items()):
            return False
        return super().satisfied(wanted, fields, so_far)


class NamesWithoutDots(Reference):
    """Takes a dot in a name for something else than the way to the next name."""

    @override
    def flattened(self, part: Json, path: str, elements: Elements) -> Iterator[Field]:
        if isinstance(part, dict):
            part = {name.replace(".", "/"): below for name, below in part.items()}
        yield from super().flattened(part, path, elements)


class ObjectsExist(Reference):
    """Takes an object for a value."""

    @override
    def flattened(self, part: Json, path: str, elements: Elements) -> Iterator[Field]:
        if isinstance(part, dict):
            yield Field(path, "an object", elements)
        yield from super().flattened(part, path, elements)


class NullIsAbsent(Reference):
    """Takes null for no value."""

    @override
    def flattened(self, part: Json, path: str, elements: Elements) -> Iterator[Field]:
        if part is not None:
            yield from super().flattened(part, path, elements)


@pytest.mark.parametrize("wrong", [NamesWithoutDots, ObjectsExist, NullIsAbsent])
def test_the_law_can_tell(wrong: type[Reference]) -> None:
    """An evaluator that differs in one rule is found out."""
    with pytest.raises(AssertionError, match=WRONG):
        hold_to_the_law(searched, of_documents, wrong)


@pytest.mark.parametrize("wrong", [ObjectsExist, NullIsAbsent])
def test_the_law_can_tell_on_records(wrong: type[Reference]) -> None:
    with pytest.raises(AssertionError, match=WRONG):
        hold_to_the_law(compile_pattern, of_records, wrong)


@pytest.mark.parametrize("wrong", [AcrossElements, AbsentFirst])
def test_the_law_can_tell_within_one_element(wrong: type[Reference]) -> None:
    with pytest.raises(AssertionError, match=WRONG):
        hold_to_the_law(compile_pattern, of_lines, wrong)
