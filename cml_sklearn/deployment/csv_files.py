"""Predictions from one CSV file to another, which go on where they were stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from cml_sklearn.deployment.files import write_private
from cml_sklearn.deployment.remote import RemoteModel
from cml_sklearn.exceptions import InvalidInputError

__all__ = ["predict_file", "read_rows"]

_ROWS = 8192
"""That are asked for, then written: what is lost at the most."""


def predict_file(
    model: RemoteModel, data: Path, output: Path, method: str = "predict", *, rows: int = _ROWS
) -> int:
    """Predict all rows of a CSV file.

    After each piece the output is written whole. A note beside it says what it was made of, as
    long as rows are missing: the same call then asks for those only.

    Parameters
    ----------
    model : RemoteModel
    data : path
        With a line of names.
    output : path
    method : str
    rows : int
        Of a piece.

    Returns
    -------
    int
        Rows that were asked for.

    Raises
    ------
    InvalidInputError
        A file can't be read, has other columns, or the output is there and of something else.
    """
    samples, note = read_rows(data, model.client.card.features), _Note(output, model, data, method)
    written = note.rows_written()
    with tqdm(total=len(samples), initial=written, unit="row", disable=None) as bar:
        for start in range(written, len(samples), rows):
            values = model.predict(samples.iloc[start : start + rows], method, progress=False)
            table = _table(values, method)
            note.write(table.to_csv(index=False, header=start == 0))
            bar.update(len(table))
    note.remove()
    return len(samples) - written


class _Note:
    """What an unfinished output is made of, in a file beside it."""

    def __init__(self, output: Path, model: RemoteModel, data: Path, method: str) -> None:
        if not output.parent.is_dir():
            raise InvalidInputError(f"There is no folder {output.parent}; make it first.")
        self._output = output
        self._path = output.with_name(f"{output.name}.unfinished")
        with data.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        card = model.client.card
        self._content = {"data": digest, "model": card.digest, "method": method}

    def rows_written(self) -> int:
        """Say how many rows the output has, and refuse an output of something else."""
        if self._path.exists():
            if self._read() != self._content:
                raise InvalidInputError(
                    f"{self._output} was begun with other data, or for another model or method; "
                    f"remove it and {self._path}, or give another name."
                )
            return len(pd.read_csv(self._output)) if self._output.exists() else 0
        if self._output.exists():
            raise InvalidInputError(f"{self._output} is there; remove it, or give another name.")
        return 0

    def write(self, text: str) -> None:
        """Add rows; the note comes first, and not before there are some."""
        if not self._path.exists():
            write_private(self._path, json.dumps(self._content).encode())
        before = self._output.read_bytes() if self._output.exists() else b""
        write_private(self._output, before, text.encode())

    def remove(self) -> None:
        self._path.unlink()

    def _read(self) -> object:
        try:
            return json.loads(self._path.read_bytes())
        except ValueError:
            return None


def read_rows(path: Path, features: Sequence[str]) -> pd.DataFrame:
    """Read the named columns of a CSV file, or all where there are no names.

    Raises
    ------
    InvalidInputError
        The file can't be read, lacks columns, or has no rows.
    """
    try:
        # an empty line is a row of missing values: rows of data and of results stay side by side;
        # pandas' own reading of numbers is off by a bit, which may be on the other side of an edge
        table = pd.read_csv(path, skip_blank_lines=False, float_precision="round_trip")
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} can't be read as CSV: {error}") from error
    filled = np.flatnonzero(table.notna().any(axis=1))
    table = table.iloc[: filled[-1] + 1 if len(filled) else 0]  # but for empty lines at the end
    wanted = list(features)
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise InvalidInputError(f"{path} lacks the columns {', '.join(missing)}.")
    if not len(table):
        raise InvalidInputError(f"{path} has no rows.")
    return table[wanted] if wanted else table


def _table(values: Any, method: str) -> pd.DataFrame:
    """Put results into columns: one of the method's name, or several with numbers."""
    parts = values if isinstance(values, list) else [values]
    columns = np.column_stack(parts)
    names = [method] if columns.shape[1] == 1 else [f"{method}_{i}" for i in range(len(columns.T))]
    return pd.DataFrame(dict(zip(names, columns.T, strict=True)))
