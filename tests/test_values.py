"""Failures and events are values, and frozen dataclasses like others."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from streamfn import (
    Attribute,
    Failed,
    HeldBack,
    LedgerUnavailable,
    Malformed,
    MalformedRecord,
    OutOfTime,
    Problem,
    ProcessDied,
    Raised,
    Refused,
    Stopped,
    TimedOut,
    Undecodable,
    Unrouted,
    Unwanted,
    acknowledge,
    log_failure,
    retry,
)
from streamfn.testing import insert_event
from tests.cards import Card

VALUES: list[object] = [
    Attribute("PK"),
    Failed(MalformedRecord({}, 0, "dynamodb is missing", None, None), None, Malformed("dynamodb is missing")),
    HeldBack(),
    LedgerUnavailable(),
    OutOfTime(),
    Problem("$.id", "missing"),
    ProcessDied(5),
    Refused(3),
    Stopped(),
    TimedOut(5),
    Undecodable((Problem("$.id", "missing"),), "NewImage"),
    Unrouted(None),
    Unwanted(),
    insert_event(Card(1, "hello")),
    acknowledge(log_failure),
    retry(),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_is_equal_to_its_copies_and_to_nothing_else(value: object) -> None:
    copies = [copy.deepcopy(value), pickle.loads(pickle.dumps(value))]  # noqa: S301 (of our own making)
    assert [value, value] == copies
    assert {value} == set(copies)
    assert [value] == [each for each in VALUES if each == value]
    assert value != repr(value)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_is_a_frozen_dataclass(value: object) -> None:
    assert dataclasses.is_dataclass(value)
    assert not hasattr(value, "__dict__")
    # A FrozenInstanceError is an AttributeError; from Python 3.14 on, a name that is no field raises the latter.
    for name in ("reason", *(field.name for field in dataclasses.fields(value))):
        with pytest.raises((AttributeError, TypeError)):
            setattr(value, name, None)


def test_a_value_is_shown_by_its_name_and_fields() -> None:
    assert "HeldBack()" == repr(HeldBack())
    assert "Problem(path='$.id', message='missing')" == repr(Problem("$.id", "missing"))
    assert "Raised(ValueError)" == repr(Raised(ValueError("hunter2")))


def test_a_part_of_a_value_can_be_replaced() -> None:
    assert Problem("$.name", "missing") == dataclasses.replace(Problem("$.id", "missing"), path="$.name")
