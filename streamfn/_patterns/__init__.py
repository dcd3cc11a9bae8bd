"""Patterns: EventBridge's event patterns over raw records, answered as the filter of an event source mapping would.

`matchers.compiled` makes a function of a record out of a pattern. `plain` sees that the pattern is JSON, `operators`
reads what an array of it asks of a value, `alternatives` multiplies `$or` out, and `search` looks for values in a
record that satisfy one alternative. `quick` writes functions for the patterns that most people write.

What can be written is what "Filter rule syntax" lists in the AWS Lambda Developer Guide, under "Control which events
Lambda sends to your function", with the forms of these operators in "Comparison operators" of the Amazon EventBridge
User Guide. `wildcard` and `cidr` are not on Lambda's list. What either leaves open is as in event-ruler, the
open-source engine of EventBridge: how arrays are searched, what absence means within them, that names are joined by
dots. Three things differ. Numbers of a record have been parsed, so one beyond the numeric range equals another by its
value, not by its text. The text of an IP address equals that text alone, not another spelling of the address. And
a field may be asked for once only in an alternative of `$or`, where event-ruler forgets what it read first.
"""
