"""Redriving: from what lies in a queue or a bucket to what became of each pair of it.

Contents are told apart, documents of Lambda's get their records back, and letters and documents are replayed
through the pipeline, under a gate that lets through nothing but what is due.
"""
