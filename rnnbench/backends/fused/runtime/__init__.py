"""The runtime of the fused backend."""
