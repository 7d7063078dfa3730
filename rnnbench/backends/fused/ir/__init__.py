"""The ir of the fused backend."""
