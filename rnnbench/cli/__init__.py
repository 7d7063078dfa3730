"""The command line: the only code that sees Hydra's configuration."""
