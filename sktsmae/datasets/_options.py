"""How to read a file: the options of the user, and the rules by which earlier signals were read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class ReadingRules(NamedTuple):
    """How signals were read, so that other files can be read in the same way.

    Attributes
    ----------
    columns : tuple of str
        Names of the columns of samples, or of the channels if `long` is True, in their order; empty if the file has no
        names.
    long : bool
        Whether each row of a table is a time step.
    id, time : str or None
        If `long` is True: names of the columns that tell recordings apart and by which their rows are sorted.
    x_key : str or None
        Name of the array of signals in an .npz or .mat file.
    """

    columns: tuple[str, ...] = ()
    long: bool = False
    id: str | None = None
    time: str | None = None
    x_key: str | None = None


class TableOptions(NamedTuple):
    """How to read a table. The names to drop, and those of columns, may be patterns such as ``x_*``.

    Attributes
    ----------
    label : str or None
        Name of the column of labels.
    drop : sequence of str
        Names of columns to leave out.
    columns : sequence of str
        Names of the columns of samples (wide) or channels (long); empty for all other columns.
    long : bool
        Whether there is one row per time step.
    id : str or None
        In a long table, name of the column that tells the recordings apart.
    time : str or None
        In a long table, name of the column by which the rows of each recording are sorted.
    inherited : sequence of str
        Names of the options that come from `ReadingRules` and not from the user. They have no effect on files to which
        they do not apply, and their column names are not patterns.
    """

    label: str | None = None
    drop: Sequence[str] = ()
    columns: Sequence[str] = ()
    long: bool = False
    id: str | None = None
    time: str | None = None
    inherited: Sequence[str] = ()

    def inherit(self, rules: ReadingRules) -> TableOptions:
        """Return these options, with those of rules in place of the options that are not given.

        Parameters
        ----------
        rules : ReadingRules
            How earlier signals were read.

        Returns
        -------
        TableOptions
            The options. Those of rules for tables of the other form are ignored.
        """
        if self.long and not rules.long:
            return self
        values = {name: getattr(rules, name) for name in ("columns", "long", "id", "time") if not getattr(self, name)}
        return self._replace(**values, inherited=tuple(values))

    def given(self) -> list[str]:
        """Return the names of the options that the user gave.

        Returns
        -------
        list of str
            The arguments of `read_signals`, such as ``label=``.
        """
        own = [name for name in self._fields if name not in ("inherited", *self.inherited)]
        return [f"{name}=" for name in own if getattr(self, name) != self._field_defaults[name]]

    @property
    def names_columns(self) -> bool:
        """Whether the user named a column, so that the first line of a file contains column names.

        Returns
        -------
        bool
            True if they did.
        """
        return any(name != "long=" for name in self.given())

    def known_names(self) -> set[str]:
        """Return the names of columns that earlier signals had.

        Returns
        -------
        set of str
            Names of columns of samples, channels, recordings and times.
        """
        names = {*self.columns} if "columns" in self.inherited else set()
        return names | {getattr(self, name) for name in ("id", "time") if name in self.inherited} - {None}
