"""Patterns: EventBridge's event patterns for raw records, with the answers of an event source mapping's filter.

`matching.compile_pattern` compiles a pattern into a function of a record. `syntax` checks that the pattern is JSON,
parses the arrays of operators, and multiplies `$or` out. `matching` searches a record for values that satisfy one
alternative, and compiles short functions for the most common patterns. `domains` and `possible` refuse patterns that
no record can match.

The syntax is the list of "Filter rule syntax" in the AWS Lambda Developer Guide, under "Control which events Lambda
sends to your function", with the forms of these operators in "Comparison operators" of the Amazon EventBridge User
Guide. `wildcard` and `cidr` are not on Lambda's list. Points that both leave open are as in event-ruler, the
open-source engine of EventBridge: the search in arrays, the meaning of absence within them, and that names are joined
by dots. Three things differ. Numbers of a record have been parsed, so a number beyond the numeric range equals another
by its value, not by its text. The text of an IP address equals that text alone, not another spelling of the address.
And a field may appear only once in an alternative of `$or`, where event-ruler forgets the first appearance.
"""
