"""A Success that is made fast is one like all others."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
from returns.primitives.exceptions import ImmutableStateError
from returns.result import Result, Success

from streamfn._dataclasses import fast_success, make_success, plain_success


def test_a_success_is_filled_as_long_as_it_is_what_is_known_of_it() -> None:
    assert make_success is fast_success


@pytest.mark.parametrize("make", [fast_success, plain_success])
def test_a_success_is_one_like_all_others(make: Callable[[str], Result[str, None]]) -> None:
    expected: Result[str, None] = Success("hello")
    made = make("hello")
    assert type(expected) == type(made)  # noqa: E721 (`is` has a checker forget of what)
    assert (made, repr(made), hash(made)) == (expected, repr(expected), hash(expected))
    assert [pickle.loads(pickle.dumps(made)), copy.deepcopy(made)] == [expected, expected]  # noqa: S301 (its own)
    with pytest.raises(ImmutableStateError):
        made._inner_value = "bye"  # pyright: ignore[reportPrivateUsage] (the point of the test)
