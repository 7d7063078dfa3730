"""Figures: each is one file here and one YAML file in conf/figure, drawn from the results alone."""
