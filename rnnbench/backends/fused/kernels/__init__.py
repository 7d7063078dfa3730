"""The kernels of the fused backend."""
