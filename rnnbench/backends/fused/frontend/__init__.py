"""The frontend: from a cell to the graph of its `step`, or the reason why it cannot be compiled."""
