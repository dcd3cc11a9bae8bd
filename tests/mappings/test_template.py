"""The template of the cards function keeps the rules that `check_mapping` knows."""

import pytest

from streamfn._delivery.descriptions import STRICTEST
from streamfn.mappings._rules import judge
from tests.examples.test_template import Json, deployed, part, properties


def mapping(**settings: Json) -> dict[str, Json]:
    """Give the settings of the deployed mapping, with these settings of the template's event changed."""
    return part(deployed(**settings), "Resources", "FollowCardsStream", "Properties")


def test_the_template_fits_the_strictest_delivery() -> None:
    assert [] == judge(mapping(), STRICTEST)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("FunctionResponseTypes", []),
        ("MaximumRetryAttempts", 3),
        ("MaximumRecordAgeInSeconds", -1),
        ("TumblingWindowInSeconds", 60),
    ],
)
def test_a_template_that_does_not_fit_is_found_out(setting: str, value: Json) -> None:
    (finding,) = judge(mapping(**{setting: value}), STRICTEST)
    assert setting == finding.setting


def test_a_template_without_a_destination_is_found_out() -> None:
    (finding,) = judge(mapping(DestinationConfig={}), STRICTEST)
    assert "DestinationConfig.OnFailure" == finding.setting


def test_the_functions_timeout_leaves_time_beside_the_margin() -> None:
    timeout = properties("FollowCards")["Timeout"]
    assert isinstance(timeout, int)
    assert timeout > 1
