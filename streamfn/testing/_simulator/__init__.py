"""The simulator of Lambda's event source mapping: deliveries, answers, retries, and their history."""
