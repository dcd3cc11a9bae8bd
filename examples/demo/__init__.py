"""Run the cards function on a real stream, on this machine alone: ``python -m examples.demo``.

DynamoDB, its stream and S3 are ministack's, in a process of its own; Slack and the search index are small servers in
this one. `changes` writes to the table, `stream` reads what DynamoDB made of it, `mapping` plays Lambda's part, `audit`
compares what arrived with what was written, and `report` prints it.
"""
