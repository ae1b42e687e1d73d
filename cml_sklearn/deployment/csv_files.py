"""Predictions from one CSV file to another, which go on where they were stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from cml_sklearn._typing import Array
from cml_sklearn.config import bars_disabled
from cml_sklearn.deployment.client import FheClient
from cml_sklearn.deployment.files import write_private
from cml_sklearn.deployment.remote import RemoteModel
from cml_sklearn.exceptions import InvalidInputError, MissingPackageError

with MissingPackageError.of_imports(__name__, "service"):
    import pandas as pd

__all__ = ["how_to_go_on", "is_begun", "predict_file", "read_rows"]

_ROWS = 8192
"""That are asked for, then written: what is lost at the most."""

_BY_CLASS = ("predict_proba", "predict_log_proba", "decision_function")
"""Methods whose columns are those of the classes."""


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
    samples, note = read_rows(data, model.client), _Note(output, model, data, method)
    written = note.rows_written()
    with tqdm(total=len(samples), initial=written, unit="row", disable=bars_disabled()) as bar:
        for start in range(written, len(samples), rows):
            values = model.compute(samples.iloc[start : start + rows], method, progress=False)
            table = _table(values, method, model.client.labels)
            note.write(table.to_csv(index=False, header=start == 0))
            bar.update(len(table))
    note.remove()
    return len(samples) - written


def is_begun(output: Path) -> bool:
    """Whether an output has rows, but not all."""
    return _path_of_note(output).exists() and output.exists()


def how_to_go_on(output: Path) -> str:
    """Say what an output has whose prediction was stopped, and what to do for the rest."""
    if not is_begun(output):
        return "No rows are written; the same command begins anew."
    n_rows = len(pd.read_csv(output))
    return f"{output} has {n_rows:,} rows; the same command goes on after them."


def _path_of_note(output: Path) -> Path:
    return output.with_name(f"{output.name}.unfinished")


class _Note:
    """What an unfinished output is made of, in a file beside it."""

    def __init__(self, output: Path, model: RemoteModel, data: Path, method: str) -> None:
        if not output.parent.is_dir():
            raise InvalidInputError(f"There is no folder {output.parent}; make it first.")
        self._output = output
        self._path = _path_of_note(output)
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


def read_rows(path: Path, client: FheClient) -> pd.DataFrame:
    """Read the columns that a model takes by their names, or all where they have none.

    Columns that held text when the model was fitted are read as text, also where it looks like
    numbers (such as "01234") or like a missing value (such as "NA").

    Raises
    ------
    InvalidInputError
        The file can't be read, lacks columns, or has no rows.
    """
    header = list(_read_csv(path, nrows=0).columns)
    try:
        words = client.words_of(header)
    except InvalidInputError as error:
        missing = [name for name in client.card.features if name not in header]
        told = f" Of what the model was fitted to, it lacks {missing}." if missing else ""
        raise InvalidInputError(f"{path}: {error}{told}") from error
    # what the pipeline drops need not be there
    wanted = [name for name in client.card.features or header if name in header]
    table = _read_csv(path, dtype=dict.fromkeys(words, str))
    as_written = (
        _read_csv(path, usecols=list(words), dtype=str, keep_default_na=False) if words else table
    )
    for name, known in words.items():
        is_known = as_written[name].isin(known)
        table[name] = table[name].where(~is_known, as_written[name]).astype(object)
        if None in known:
            table.loc[table[name].isna(), name] = None
    filled = np.flatnonzero((table.notna() & (table != "")).any(axis=1))
    if not len(filled):
        raise InvalidInputError(f"{path} has no rows.")
    return table.loc[: filled[-1], wanted]  # but for empty lines at the end


def _read_csv(path: Path, **options: Any) -> pd.DataFrame:
    try:
        # an empty line is a row of missing values: rows of data and of results stay side by side;
        # pandas' own reading of numbers is off by a bit, which may be on the other side of an edge
        table = pd.read_csv(path, skip_blank_lines=False, float_precision="round_trip", **options)
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"{path} can't be read as CSV: {error}") from error
    if not isinstance(table.index, pd.RangeIndex) and len(table):
        raise InvalidInputError(f"{path} has rows of more fields than its first line has names.")
    return table


def _table(values: Any, method: str, labels: Sequence[Array]) -> pd.DataFrame:
    """Put results into columns, which are named after the method, and output and label if any."""
    parts = [np.asarray(part) for part in (values if isinstance(values, list) else [values])]
    columns, several = {}, len(parts) > 1
    for output, part in enumerate(parts):
        prefix = f"{method}_{output}" if several else method
        if part.ndim == 1:
            columns[prefix] = part
            continue
        ends = range(part.shape[1])
        if method in _BY_CLASS and output < len(labels) and len(labels[output]) == len(ends):
            ends = labels[output].tolist()
        columns |= {f"{prefix}_{end}": x for end, x in zip(ends, part.T, strict=True)}
    return pd.DataFrame(columns)
