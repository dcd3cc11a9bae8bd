"""The Results of a function that Lambda calls, which only its delivery sees otherwise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from streamfn._delivery.delivery import check_delivery
from streamfn.cli._results import AnyResult

if TYPE_CHECKING:
    from streamfn._delivery.delivery import Delivery, Process
    from streamfn._execution.deadline import Deadline
    from streamfn._execution.gate import Gate
    from streamfn._failures import Failed
    from streamfn._lambda import LambdaFunction
    from streamfn._records import Record
    from streamfn._time import Clock


def overheard(
    function: LambdaFunction[object, object], listen: Callable[[Sequence[AnyResult]], None]
) -> LambdaFunction[object, object]:
    """Make a function that does the same, and has `listen` hear of the Results of each batch before it answers."""
    return replace(function, delivery=Overheard(function.delivery, listen))


@dataclass(frozen=True)
class Overheard:
    """A delivery that does as another one does, and passes Results on."""

    delivery: Delivery[object]
    listen: Callable[[Sequence[AnyResult]], None]

    def check(self) -> None:
        """Have the other one check whether it can work here."""
        check_delivery(self.delivery)

    def deliver(
        self, records: Sequence[Record], process: Process[object], deadline: Deadline, clock: Clock, /
    ) -> Sequence[Failed[object]]:
        """Have the other one deliver."""

        def run(gate: Gate) -> Sequence[AnyResult]:
            results = process(gate)
            self.listen(results)
            return results

        return self.delivery.deliver(records, run, deadline, clock)
