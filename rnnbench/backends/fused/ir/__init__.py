"""The intermediate representation: from the graph of a traced `step` to a schedule of loops and products."""
