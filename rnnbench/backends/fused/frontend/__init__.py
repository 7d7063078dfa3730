"""The frontend of the fused backend."""
