"""The last stage: from Results to the answer that Lambda gets, and what is remembered until the batch comes again."""
