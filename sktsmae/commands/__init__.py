"""What ``python -m sktsmae`` can do, one command a file, each with `add_arguments` and `run`.

May import everything but the front door.
"""
