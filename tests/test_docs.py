"""Pages refer to what is there: pages, headings, pictures, scripts, names, targets; all have examples."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from typing import Any

import pytest
from numpydoc.docscrape_sphinx import get_doc_object

import cml_sklearn
from cml_sklearn.estimators.skorch import NeuralNet
from docs import docstrings, reference
from docs.stub_types import number_text

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MADE = [DOCS / "api", DOCS / "gallery"]
"""What the builder of the site writes, from docstrings and scripts."""

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
INCLUDE = re.compile(r"^```{(?:literal)?include} (\S+)", re.MULTILINE)
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
NAME = re.compile(r"`(cml_sklearn(?:\.\w+)+)")
IMPORT = re.compile(r"^(?:>>> |    )?from (cml_sklearn[\w.]*) import ([\w, ]+)$", re.MULTILINE)
FILE = re.compile(r"`((?:[\w-]+/)+[\w.-]+\.(?:cff|js|json|md|py))`")
PAGE = re.compile(r"[\w/]+\.md\b")
MODULE = re.compile(r"python -m ((?:benchmarks|docs|tests)(?:\.\w+)*)")
TARGET = re.compile(r"(?:`|^\$ |^    )make ([a-z][a-z0-9-]+)", re.MULTILINE)

PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
    if not any(page.is_relative_to(folder) for folder in MADE)
)


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@cache
def anchors_of(page: Path) -> set[str]:
    """What links to headings of a page, or of pages that it includes, end in."""
    included = [page.parent / path for path in INCLUDE.findall(text_of(page))]
    of_parts = (anchors_of(part) for part in included if part.exists() and part.suffix == ".md")
    return set().union(*of_parts, map(anchor, HEADING.findall(text_of(page))))


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def is_there(target: Path) -> bool:
    """Whether a page, a picture, or what a page of the builder is made of exists."""
    if target.parent == DOCS / "gallery":
        return target.name == "index" or (ROOT / "examples" / f"{target.name}.py").exists()
    if target.parent == DOCS / "api":
        return target.stem in {"index", "errors", *reference.names_by_module()}
    return target.is_file()


def broken_links(page: Path) -> Iterator[str]:
    for link in LINK.findall(text_of(page)):
        path, _, fragment = link.partition("#")
        if not link.startswith(("http://", "https://")):
            target = (page.parent / path).resolve() if path else page
            if not is_there(target) or (fragment and fragment not in anchors_of(target)):
                yield link
    for path in INCLUDE.findall(text_of(page)):
        if not is_there((page.parent / path).resolve()):
            yield path


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = import_module(".".join(parts[:length]))
        except ImportError:
            continue
        for part in parts[length:]:
            found = getattr(found, part, None)
        return found is not None
    return False


def named(page: Path) -> Iterator[str]:
    """Names of the library in a page's text and in its imports."""
    yield from NAME.findall(text_of(page))
    for module, names in IMPORT.findall(text_of(page)):
        yield from (f"{module}.{name.split(' as ')[0].strip()}" for name in names.split(","))


def ids(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page: Path) -> None:
    assert list(broken_links(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_names_are_there(page: Path) -> None:
    assert [name for name in named(page) if not resolves(name)] == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_files_modules_and_targets_are_there(page: Path) -> None:
    text = text_of(page)
    roots = [ROOT, ROOT / "cml_sklearn", DOCS / "images"]
    files = [f for f in FILE.findall(text) if not any((root / f).exists() for root in roots)]
    assert files == []
    assert [module for module in MODULE.findall(text) if not resolves(module)] == []
    targets = re.findall(r"^([a-z][a-z0-9-]*):", text_of(ROOT / "Makefile"), re.MULTILINE)
    assert [target for target in TARGET.findall(text) if target not in targets] == []


def test_pages_named_in_code_are_there() -> None:
    """Docstrings and messages name pages by their path from the project's folder."""
    scripts = [*(ROOT / "cml_sklearn").rglob("*.py"), *(ROOT / "examples").glob("*.py")]
    named = {page for script in scripts for page in PAGE.findall(text_of(script))}
    assert "docs/reference/migration.md" in named
    assert [page for page in sorted(named) if not (ROOT / page).is_file()] == []


def test_faults_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](#one) [b](#two) [c](gone.md) `cml_sklearn.tree.Gone`\n")
    assert list(broken_links(page)) == ["#two", "gone.md"]
    assert [name for name in named(page) if not resolves(name)] == ["cml_sklearn.tree.Gone"]


def test_every_page_is_in_a_list() -> None:
    """Else nobody finds it; parts of pages are included instead."""
    listed, included = set[Path](), set[Path]()
    for page in PAGES:
        folder = page.parent
        for block in re.findall(
            r"^```{toctree}\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL
        ):
            entries = [line for line in block.splitlines() if line and not line.startswith(":")]
            names = [re.sub(r".* <(.*)>", r"\1", entry) for entry in entries]
            listed |= {(folder / f"{name}.md").resolve() for name in names}
        included |= {(folder / path).resolve() for path in INCLUDE.findall(text_of(page))}
    pages = {page for page in PAGES if page.is_relative_to(DOCS)}
    assert pages - listed - included == {DOCS / "index.md"}


def test_the_reference_has_every_public_name() -> None:
    pages = reference.names_by_module()
    known = {name for names in pages.values() for name in names}
    assert {name for names in cml_sklearn._PUBLIC.values() for name in names} <= known


def test_every_public_class_has_an_example() -> None:
    """Those that only describe what others make, name these."""
    kinds = [getattr(cml_sklearn, n) for names in cml_sklearn._PUBLIC.values() for n in names]
    classes = [kind for kind in kinds if isinstance(kind, type)]
    without = [kind.__name__ for kind in classes if "\nExamples\n" not in (getdoc(kind) or "")]
    assert without == []


ESTIMATORS = [
    getattr(import_module(f"cml_sklearn.{module}"), name)
    for module, names in reference.names_by_module().items()
    for name in names
    if hasattr(getattr(import_module(f"cml_sklearn.{module}"), name), "from_sklearn_model")
]


@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
def test_every_estimator_has_an_example(kind: type) -> None:
    doc = getdoc(kind) or ""
    assert doc.count("\nExamples\n--------\n") == 1
    example = doc.partition("\nExamples\n")[2]
    assert f">>> from {kind.__module__} import {kind.__name__}\n" in example
    assert "execute_in_fhe=True" in example


@pytest.mark.parametrize("kind", ESTIMATORS, ids=lambda kind: kind.__name__)
def test_pages_of_estimators_have_ours_first(kind: Any) -> None:
    settings = {"show_class_members": False}
    lines = str(get_doc_object(kind, "class", getdoc(kind), config=settings)).split("\n")
    docstrings.with_headings(None, "class", kind.__name__, kind, None, lines)
    if issubclass(kind, NeuralNet):
        assert ":Parameters:" in lines
        return
    name = kind._wrapped_class.__name__
    ours, theirs = "\n".join(lines).split(f"'s {name}:\n")[:2]
    own = [parameter.name for parameter in kind._own_parameters]
    assert re.findall(r"^ {4}\*\*(\w+)", ours, re.MULTILINE) == own
    assert ours.count("\n:Parameters of cml_sklearn:\n") == 1
    wrapped = theirs.partition("\n:Attributes of cml_sklearn:\n")[0]
    assert not {*own} & {*re.findall(r"^ {4}\*\*(\w+)", wrapped, re.MULTILINE)}
    assert "**sklearn_model_**" in theirs


@pytest.mark.parametrize("value", [2.0**-64, -(2.0**-64), 2.0**-52, 0.5, 0.1, 1e-6, 0.0, 3, 1e300])
def test_numbers_of_stubs_and_signatures_are_exact(value: float) -> None:
    text = number_text(value)
    assert eval(text) == value  # noqa: S307
    assert len(text) <= len(repr(value))


@pytest.mark.parametrize("script", sorted((ROOT / "examples").glob("plot_*.py")), ids=ids)
def test_scripts_of_the_gallery_have_a_title_and_a_picture(script: Path) -> None:
    tree = ast.parse(text_of(script))
    title, rule, empty, *text = (ast.get_docstring(tree) or "").splitlines()
    assert (rule, empty) == ("=" * len(title), "")
    assert text
    assert "plt.show()" in text_of(script)
