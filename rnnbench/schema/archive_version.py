"""The version of the condensed files of an experiment."""

ARCHIVE_VERSION = 3
"""Raise it when a column's or file's meaning changes. 1: without a version in the files; `difficulty` a setting's name.
2: `difficulty` a value, `baseline_loss` in place of `trivial_score`, no columns of display text; `norm` of a gradient
profile is over the whole state."""
