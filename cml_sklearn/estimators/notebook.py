"""What a notebook shows of an estimator beside its parameters: the facts that are known."""

from __future__ import annotations

import html
import inspect
from abc import abstractmethod
from collections.abc import Mapping
from itertools import takewhile
from typing import Any, ClassVar

from sklearn.base import BaseEstimator

from cml_sklearn.estimators.wrapping import OwnParameter, library_of, parameters_doc
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.steps import Lookup, Trees
from cml_sklearn.quantization.quantized_module import QuantizedModule

__all__ = ["NotebookDisplay", "facts_of"]

_PARAMETERS = "Parameters\n----------\n"

_TABLE = """
<div class="estimator-table"><details><summary>Encrypted prediction</summary>
<table class="parameters-table"><tbody>{rows}</tbody></table></details></div>"""

_ROW = '<tr class="default"><td class="param">{}</td><td class="value">{}</td></tr>'


class NotebookDisplay(BaseEstimator):
    """An estimator's parameters, attributes and facts, as notebooks show them; abstract."""

    _wrapped_class: ClassVar[type[BaseEstimator]]
    _own_parameters: ClassVar[tuple[OwnParameter, ...]]

    @property
    @abstractmethod
    def quantized_module_(self) -> QuantizedModule:
        """The module that the facts are about."""

    def _get_doc_link(self) -> str:
        """Address of the wrapped class's page, for notebooks; empty for other libraries."""
        module, name = self._wrapped_class.__module__, self._wrapped_class.__name__
        if library_of(self._wrapped_class) != "sklearn":
            return ""
        public = ".".join(takewhile(lambda part: part[0] != "_", module.split(".")))
        link: str = self._doc_link_template.format(estimator_module=public, estimator_name=name)
        return link

    def _get_params_html(self, deep: bool = True, doc_link: str = "") -> Any:
        """Let scikit-learn show the parameters, with the wrapped class's help beside ours."""
        shown = super()._get_params_html(deep, doc_link)
        shown.estimator_class = _documented(self._wrapped_class, self._own_parameters)
        return shown

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        """Let scikit-learn show the fitted attributes, after what is known of encryption."""
        shown = super()._get_fitted_attr_html(doc_link)
        table, attributes = _table_of(facts_of(self.quantized_module_)), shown._html_repr
        shown._html_repr = lambda: table + attributes()
        return shown


def facts_of(module: QuantizedModule) -> dict[str, str]:
    """Say of a module what is known of its prediction; nothing is compiled for it.

    Parameters
    ----------
    module : QuantizedModule

    Returns
    -------
    dict of str to str
        What goes in and comes out, lookups and trees, and the circuit if there is one already.
    """
    program = module.program
    facts = {
        "encrypted inputs": _integers(*program.input_bounds),
        "encrypted outputs": _integers(*program.output_bounds),
    }
    lookups = [
        (bounds.low.size, instruction.step)
        for instruction, bounds in program.bounded_instructions
        if isinstance(instruction.step, Lookup)
    ]
    facts["lookups"] = str(sum(size for size, _ in lookups))
    if lookups:
        facts["widest lookup"] = f"{max(step.width for _, step in lookups)} bits"
    trees = [i.step for i in program.instructions if isinstance(i.step, Trees)]
    if trees:
        facts["leaves of trees"] = str(sum(int((step.bit < 0).sum()) for step in trees))
        facts["lookups"] += " on SEAL, packed ones on Concrete"
    facts["circuit"] = repr(module.fhe_circuit) if module.is_compiled else "not compiled yet"
    return facts


def _integers(*tensors: Bounds) -> str:
    """Write number and width of a sample's integers."""
    n_integers = sum(bounds.low.size for bounds in tensors)
    width = max(bounds.width for bounds in tensors)
    return f"{n_integers} x {width} bit{'s' * (width > 1)}"


def _table_of(facts: Mapping[str, str]) -> str:
    """Write facts as scikit-learn's notebooks write attributes."""
    cells = (map(html.escape, pair) for pair in facts.items())
    return _TABLE.format(rows="".join(_ROW.format(*pair) for pair in cells))


def _documented(wrapped: type[BaseEstimator], own: tuple[OwnParameter, ...]) -> type:
    """Make a class that only has a docstring: the wrapped one's, with our parameters, too.

    Parameters
    ----------
    wrapped : type
    own : tuple of OwnParameter
    """
    doc = inspect.getdoc(wrapped) or ""
    head, heading, rest = doc.partition(_PARAMETERS)
    ours = parameters_doc(own)
    merged = f"{head}{heading}{ours}\n\n{rest}" if heading else doc
    return type(wrapped.__name__, (), {"__doc__": merged})
