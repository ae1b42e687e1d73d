"""Files: explicit classes in versions, and nothing built of what is not sound."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cml_sklearn._typing import Array, FloatArray, IntArray
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.program.archive import ArchiveTable, Stored, read, write


@dataclass(frozen=True)
class Inner:
    number: int


@dataclass(frozen=True)
class Outer:
    floats: FloatArray
    integers: IntArray
    labels: Array
    pair: tuple[int, str]
    many: tuple[Inner, ...]
    named: Mapping[str, float]
    other: Inner | None = None


TABLE = ArchiveTable([Inner, Outer])
CONTENT = Outer(
    np.array([0.5, -1.0]),
    np.array([[1, 2]]),
    np.array(["a", 3, None], dtype=object),
    (1, "x"),
    (Inner(1), Inner(2)),
    {"half": 0.5, "one": 1},
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write(tmp_path / "a.npz", CONTENT, TABLE)
    again = read(tmp_path / "a.npz", Outer, TABLE)
    np.testing.assert_array_equal(again.floats, CONTENT.floats)
    np.testing.assert_array_equal(again.integers, CONTENT.integers)
    assert again.labels.tolist() == ["a", 3, None]
    assert again.labels.dtype == object
    rest = ("pair", "many", "named", "other")
    assert all(getattr(again, name) == getattr(CONTENT, name) for name in rest)


def test_classes_outside_of_the_table_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="class Inner can't be stored"):
        write(tmp_path / "a.npz", CONTENT, ArchiveTable([Outer]))
    with pytest.raises(TypeError, match="class set can't be stored"):
        write(tmp_path / "a.npz", {"a": {1, 2}}, TABLE)
    assert not (tmp_path / "a.npz").exists()


def test_older_versions_are_upgraded(tmp_path: Path) -> None:
    write(tmp_path / "a.npz", Inner(3), TABLE)

    @dataclass(frozen=True)
    class Renamed:
        value: int

    Renamed.__name__ = "Inner"
    new = Stored(Renamed, 2, {1: lambda fields: {"value": fields["number"]}})
    assert read(tmp_path / "a.npz", Renamed, ArchiveTable([new])).value == 3
    write(tmp_path / "b.npz", Renamed(4), ArchiveTable([new]))
    with pytest.raises(InvalidInputError, match=r"Inner has version 2, .* update"):
        read(tmp_path / "b.npz", Inner, TABLE)
    with pytest.raises(InvalidInputError, match="version 1, which can't be read"):
        read(tmp_path / "a.npz", Renamed, ArchiveTable([Stored(Renamed, 2)]))


def rewritten(path: Path, change: Callable[[Any], Any]) -> None:
    """Change the manifest of a file."""
    with np.load(path) as members:
        arrays = dict(members)
    manifest = json.loads(str(arrays.pop("manifest")))
    np.savez(path, manifest=np.asarray(json.dumps(change(manifest))), **arrays)


def with_field(name: str, value: object) -> Callable[[Any], Any]:
    def change(manifest: Any) -> Any:
        manifest["content"]["fields"][name] = value
        return manifest

    return change


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("floats", {"array": "array_1"}),
        ("floats", 3.0),
        ("integers", {"array": "array_0"}),
        ("integers", {"array": "array_9"}),
        ("labels", {"objects": [["nested"]], "shape": [1]}),
        ("pair", [1, 2]),
        ("pair", [1, "x", 3]),
        ("pair", [True, "x"]),
        ("many", [1]),
        ("many", [{"class": "Outer", "version": 1, "fields": {}}]),
        ("many", [{"class": "Popen", "version": 1, "fields": {"args": "true"}}]),
        ("many", [{"class": "Inner", "version": 1, "fields": {"number": 1, "more": 2}}]),
        ("many", [{"class": "Inner", "version": 1, "fields": {"number": "1"}}]),
        ("named", {"mapping": {"a": "b"}}),
        ("named", {"mapping": {"a": float("nan")}}),
        ("unknown", 1),
    ],
)
def test_fields_of_other_types_are_refused(tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / "a.npz"
    write(path, CONTENT, TABLE)
    rewritten(path, with_field(name, value))
    with pytest.raises(InvalidInputError, match=r"a\.npz can't be read"):
        read(path, Outer, TABLE)


def test_floats_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.npz", Outer(**{**vars(CONTENT), "floats": np.array([np.nan])}), TABLE)
    with pytest.raises(InvalidInputError, match="floats"):
        read(tmp_path / "a.npz", Outer, TABLE)


def test_another_kind_format_or_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write(path, Inner(1), TABLE)
    with pytest.raises(InvalidInputError, match="holds a Inner, not a Outer"):
        read(path, Outer, TABLE)
    rewritten(path, lambda manifest: {**manifest, "format": 99})
    with pytest.raises(InvalidInputError, match="format 99"):
        read(path, Inner, TABLE)
    rewritten(path, lambda _: [])
    for content in (None, b"", b"PK\x03\x04", path.read_bytes()[:-40]):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(InvalidInputError, match="Give a file that was saved"):
            read(path, Inner, TABLE)
    with pytest.raises(InvalidInputError, match="No such file"):
        read(tmp_path / "none.npz", Inner, TABLE)


def member(header_shape: tuple[int, ...], content: bytes) -> bytes:
    buffer = io.BytesIO()
    header = {"descr": "<i8", "fortran_order": False, "shape": header_shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue() + content


def test_small_files_do_not_unpack_to_large_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("array_0.npy", member((2**25,), bytes(2**28)))
    assert path.stat().st_size < 2**20
    with pytest.raises(InvalidInputError, match="would unpack to"):
        read(path, Inner, TABLE)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("array_0.npy", member((2**40,), bytes(8)))
    with pytest.raises(InvalidInputError, match=r"array_0\.npy is no array"):
        read(path, Inner, TABLE)


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    text = '{"format": 2, "content": ' + "[" * 100_000 + "]" * 100_000 + "}"
    np.savez(path, manifest=np.asarray(text))
    with pytest.raises(InvalidInputError, match="recursion"):
        read(path, Inner, TABLE)
