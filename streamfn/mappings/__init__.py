"""The event source mappings of a function, checked against what its delivery needs of them.

A delivery says what comes again, and Lambda's settings decide whether it does: without
ReportBatchItemFailures, for one, every answer is a success to Lambda. `check_mapping` reads the settings of a
function that is deployed, and lists those that defeat its delivery.
"""

from streamfn.mappings._check import Delivering, LambdaClient, check_mapping
from streamfn.mappings._finding import Finding

__all__ = ["Delivering", "Finding", "LambdaClient", "check_mapping"]
