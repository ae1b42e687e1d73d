"""Configuration of the site: ``make docs`` builds it into build/docs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from cml_sklearn import __version__
from docs import docstrings, reference

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# workers that run the gallery's scripts: one thread each
os.environ.setdefault("OMP_NUM_THREADS", "1")

project = "cml_sklearn"
copyright = "the authors of cml_sklearn"  # noqa: A001
release = version = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["benchmarks/*_table.md", "api/errors.md"]  # parts of other pages
templates_path = ["_templates"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autosummary_generate = True
default_role = "literal"
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # numpydoc's sections say types in words
numpydoc_show_class_members = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"(^|/)(__init__|demo|cnn)\.py",
    "parallel": 2,
    "within_subsection_order": "ExampleTitleSortKey",
    "abort_on_example_error": True,
    "capture_repr": (),
    "download_all_examples": False,
    "show_signature": False,
    "min_reported_time": 5,
}

html_theme = "pydata_sphinx_theme"
html_title = "cml_sklearn"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "navigation_with_keys": False,
    "collapse_navigation": True,
    "navigation_depth": 2,
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}


def setup(app: Sphinx) -> None:
    """Write the pages of the reference, and see to docstrings that are taken over."""
    reference.write()
    # before numpydoc, which comes at 500
    app.connect("autodoc-process-signature", docstrings.with_powers_of_two)
    app.connect("autodoc-process-docstring", docstrings.without_foreign_links, priority=400)
    app.connect("autodoc-process-docstring", docstrings.with_headings, priority=600)
