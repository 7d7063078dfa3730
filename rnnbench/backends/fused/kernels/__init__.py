"""The functions that the generated loops call, compiled with them or once for all cells."""
