"""Run the cards function on a real stream, on this machine alone: ``python -m examples.demo``.

DynamoDB, its stream, S3 and SQS are ministack's, in a process of its own; Slack and the search index are small servers
in this one. `changes` writes to the table, `stream` reads what DynamoDB made of it, and in `runs` the simulator of
`streamfn.testing` plays Lambda's part, by a clock that nobody has to wait for. `audit` compares what arrived
(`arrivals`) with what was written, `report` prints it, and `comparison` sets beside it two `loops` written by hand.
"""
