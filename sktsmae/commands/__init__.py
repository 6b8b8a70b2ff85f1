"""The commands of ``python -m sktsmae``: one module per command, each with `add_arguments`, `run` and `EXAMPLE`.

May import every package except the top-level module `sktsmae`.
"""
