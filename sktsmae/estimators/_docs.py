"""Inheritance of parameter documentation: each parameter is documented only in the class that defines it."""

from __future__ import annotations

import re
from typing import TypeVar

Class = TypeVar("Class", bound=type)
_TITLE = "    Parameters\n    ----------\n"


def inherit_parameter_docs(cls: Class) -> Class:
    """Add the inherited parameters to the "Parameters" section of a class docstring.

    Parameters
    ----------
    cls : type
        A class with a numpydoc docstring. If it has no "Parameters" section, one is inserted before "Attributes".

    Returns
    -------
    type
        The same class.
    """
    doc = cls.__doc__ or ""
    before, title, rest = doc.partition(_TITLE)
    if title:
        own, blank, after = rest.partition("\n\n")
    else:
        before, heading, rest = doc.partition("    Attributes\n")
        own, blank, after = "", "\n\n", heading + rest
    entries = _entries(own)
    for base in cls.__mro__[1:]:
        section = (base.__doc__ or "").partition(_TITLE)[2].partition("\n\n")[0]
        for name, text in _entries(section.rstrip()).items():
            entries.setdefault(name, text)
    cls.__doc__ = before + _TITLE + "\n".join(entries.values()) + blank + after
    return cls


def _entries(section: str) -> dict[str, str]:
    """Return the entries of a section by parameter name."""
    parts = re.split(r"^(?=    \w)", section, flags=re.MULTILINE)
    return {part.split(" : ")[0].strip(): part.rstrip("\n") for part in parts if " : " in part}
