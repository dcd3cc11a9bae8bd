"""The part of PynamoDB that the benchmark calls. It ships types, and is installed for the benchmark alone."""
