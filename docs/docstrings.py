"""Docstrings that are taken over from scikit-learn, XGBoost and LightGBM, on pages of this site.

They refer to pages and glossaries of their own sites; of such a reference its words remain.
"""

from __future__ import annotations

import re

from cml_sklearn.estimators.wrapping import named_examples

__all__ = ["without_foreign_links"]

_ROLE = re.compile(
    r":(?:ref|term|doc|numref|pep|(?:py:)?(?:class|func|meth|mod|attr|obj|data|exc)):`([^`]+)`"
)
_TITLED = re.compile(r"(.*?)\s*<[^>]*>$", re.DOTALL)


def without_foreign_links(
    app: object, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Put words for references, in place; a listener of autodoc's."""
    text = _ROLE.sub(_words, "\n".join(lines))
    lines[:] = text.split("\n")


def _words(role: re.Match[str]) -> str:
    """Title of a reference, or its target as code."""
    target = role[1]
    titled = _TITLED.match(target)
    if titled:
        return titled[1]
    example = named_examples(target)
    return example if example != target else f"``{' '.join(target.split()).removeprefix('~')}``"
