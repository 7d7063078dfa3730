"""rnnbench: compare recurrent cells by their gradients through time, speed, size and what they learn."""

__version__ = "0.1.0"
