"""Tables: each is one file here and one YAML file in conf/table; `rendering` and `latex` write them."""
