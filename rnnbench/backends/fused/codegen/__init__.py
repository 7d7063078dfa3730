"""The codegen of the fused backend."""
