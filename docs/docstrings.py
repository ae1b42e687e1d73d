"""Docstrings that are taken over from scikit-learn, XGBoost and LightGBM, on pages of this site.

They refer to pages and glossaries of their own sites; of such a reference its words remain.
"""

from __future__ import annotations

import re
from math import log2

from cml_sklearn.estimators.wrapping import named_examples
from cml_sklearn.fhe.protocol import DEFAULT_P_ERROR

__all__ = ["with_powers_of_two", "without_foreign_links"]

_DEFAULT_P_ERROR = f"2**-{-round(log2(DEFAULT_P_ERROR))}"

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


def with_powers_of_two(
    app: object,
    what: str,
    name: str,
    obj: object,
    options: object,
    signature: str | None,
    returns: str,
) -> tuple[str | None, str]:
    """Show the default of `p_error` as what it is; a listener of autodoc's."""
    return signature and signature.replace(repr(DEFAULT_P_ERROR), _DEFAULT_P_ERROR), returns


def _words(role: re.Match[str]) -> str:
    """Title of a reference, or its target as code."""
    target = role[1]
    titled = _TITLED.match(target)
    if titled:
        return titled[1]
    example = named_examples(target)
    return example if example != target else f"``{' '.join(target.split()).removeprefix('~')}``"
