"""The event source mappings of a function, checked against the needs of its delivery.

A delivery names the records that have to come again, and Lambda's settings decide whether they do: without
ReportBatchItemFailures, for example, every answer is a success to Lambda. `check_mapping` reads the settings of a
deployed function, and lists those that defeat its delivery. `filter_criteria` computes the filters of a mapping from a
pipeline.
"""

from streamfn.mappings._check import Delivering, LambdaClient, check_mapping
from streamfn.mappings._filters import Filter, FilterCriteria, filter_criteria
from streamfn.mappings._rules import Finding

__all__ = [
    "Delivering",
    "Filter",
    "FilterCriteria",
    "Finding",
    "LambdaClient",
    "check_mapping",
    "filter_criteria",
]
