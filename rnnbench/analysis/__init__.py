"""Analysis: statistics over runs, as pure functions of arrays and tables."""
