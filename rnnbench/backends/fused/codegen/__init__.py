"""The code generator: from a schedule to the source of the two loops over time."""
