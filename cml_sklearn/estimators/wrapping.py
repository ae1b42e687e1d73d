"""Taking over a class of scikit-learn: its constructor, signatures, constraints and docstring.

Every version of scikit-learn so keeps its own parameters. Those that ours has in addition are
declared once, as `OwnParameter`; all that is said of them comes from there.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils import Tags

from cml_sklearn.keywords import check_keywords

__all__ = [
    "FURTHER",
    "OwnParameter",
    "constraints_of",
    "constructor",
    "library_of",
    "named_examples",
    "parameters_doc",
    "sections_of",
    "take_over",
]

_KEYWORD, _VARIADIC = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD

FURTHER = "further"
"""Name of what a constructor takes by any other keyword."""

_HEADING = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)
_LINK = re.compile(r":[a-z:]+:`~?([^`<]+?)\s*(?:<[^`>]*>)?`")
_EXAMPLE = re.compile(r"sphx_glr_auto_examples_\w*(plot_\w+)(?:\.py)?")
_CITATION = re.compile(r"\s*\[\w+\]_")

_CLASS_DOC = """{summary}

This is the class of `{library}` with predictions on encrypted data. What it has in addition comes
first: the parameters {names}, and attributes up to `fhe_reports_`.

Parameters
----------
{parameters}

Attributes
----------
sklearn_model_ : estimator
    The fitted float model; its fitted attributes are this estimator's, too.
onnx_model_ : onnx.ModelProto
    Its raw scores as a graph.
modules_ : dict of str to QuantizedModule
    The same in integers, by the method that is computed with it; methods may share a module.
quantized_module_ : QuantizedModule
    That of `predict`.
fhe_circuit_ : FheCircuit
    The FHE circuit of `predict`; compiled when first asked for.
fhe_report_ : FheReport
    Its bootstraps, cost, bytes, widths and security level.
fhe_reports_ : dict of str to FheReport
    Those of all methods.

{attributes}
"""

_ADOPTION_DOC = """{purpose}

Parameters
----------
model : estimator
    Of the wrapped class.
X : array-like of shape (n_samples, n_features)
    Samples on which the quantization is fixed.
{parameters}

Raises
------
UnsupportedModelError
    A model of another class, or one that can't be taken.
NotFittedError
    A model that is not fitted.
"""

_WHAT_TO_ADOPT = (
    "; give the fitted model, and X: rows that show the ranges, such as the training data"
)

_IN_FIT_ONLY = "Without effect on this estimator; used if it is fitted again."


@dataclass(frozen=True)
class OwnParameter:
    """A parameter that an estimator has beside the wrapped class's; given by keyword.

    Parameters
    ----------
    name : str
    default : object
        Stored untouched, as all parameters.
    constraint : tuple
        Alternatives, as in scikit-learn's `_parameter_constraints`; none: not checked.
    doc : str
        Type and default, and in the lines after them what it does.
    in_fit_only : bool
        Whether it changes nothing for a model that was fitted elsewhere.
    """

    name: str
    default: object
    constraint: tuple[object, ...]
    doc: str
    in_fit_only: bool = False


def take_over(cls: Any, wrapped: type[BaseEstimator], own: tuple[OwnParameter, ...]) -> None:
    """Give a class the wrapped one's constructor, `fit`, constraints, tags and docstring.

    It must come before scikit-learn reads them.
    """
    cls.__doc__ = _class_doc(wrapped, own)
    cls.__init__ = constructor(_parameters_of(wrapped), own)
    for name in ("fit", "partial_fit"):
        if hasattr(cls, name) and hasattr(wrapped, name):
            signature = inspect.signature(getattr(wrapped, name))
            setattr(cls, name, _under_signature(getattr(cls, name), signature))
    inherited = getattr(wrapped, "_parameter_constraints", {})
    cls._parameter_constraints = {**inherited, **constraints_of(own)}
    cls.from_sklearn_model = classmethod(_adoption(cls.from_sklearn_model.__func__, own))
    # set on each class, since the mixins of scikit-learn reset the tags of their kind
    cls.__sklearn_tags__ = _wrapped_tags


def constructor(
    leading: Iterable[inspect.Parameter], own: tuple[OwnParameter, ...]
) -> Callable[..., None]:
    """``__init__`` with parameters in front (`self` among them) and ours, all stored untouched.

    What it takes by any other keyword is stored under the name of these with an underscore.
    """
    parameters = [*leading, *_keywords(own)]
    signature = inspect.Signature(sorted(parameters, key=lambda parameter: parameter.kind))

    def __init__(self: BaseEstimator, *args: object, **kwargs: object) -> None:  # noqa: N807
        check_keywords(type(self).__name__, signature, kwargs)
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        for name, value in list(bound.arguments.items())[1:]:
            is_variadic = signature.parameters[name].kind is _VARIADIC
            setattr(self, f"_{name}" if is_variadic else name, value)

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    return __init__


def library_of(wrapped: type) -> str:
    """Package that a class comes from."""
    return wrapped.__module__.partition(".")[0]


def constraints_of(own: tuple[OwnParameter, ...]) -> dict[str, list[object]]:
    """Constraints as scikit-learn reads them; a parameter without any may be anything."""
    return {p.name: list(p.constraint) for p in own if p.constraint}


def sections_of(doc: str) -> dict[str, str]:
    """Take a docstring of numpydoc's style apart, by heading; its lead stands under ""."""
    lead, *parts = _HEADING.split(inspect.cleandoc(doc))
    named = zip(parts[::2], parts[1::2], strict=True)
    return {"": lead.strip(), **{name: dedent(text).strip() for name, text in named}}


def _class_doc(wrapped: type[BaseEstimator], own: tuple[OwnParameter, ...]) -> str:
    """Docstring of the wrapped class with what ours has in addition, less examples and links."""
    sections = sections_of(wrapped.__init__.__doc__ or "") | sections_of(wrapped.__doc__ or "")
    known = {name: f"{_without_links(text)}\n\n" for name, text in sections.items()}
    return _CLASS_DOC.format(
        summary=known[""].partition("\n\n")[0],
        library=library_of(wrapped),
        names=", ".join(f"`{parameter.name}`" for parameter in own),
        parameters=f"{parameters_doc(own)}\n\n{known.get('Parameters', '')}",
        attributes=known.get("Attributes", "").rstrip(),
    )


def _without_links(text: str) -> str:
    """Text with the titles of links into another documentation, whose targets are not here."""
    return named_examples(_CITATION.sub("", _LINK.sub(r"\1", text)))


def named_examples(text: str) -> str:
    """Text with the names of scikit-learn's examples in place of the targets of links to them."""
    return _EXAMPLE.sub(r"`\1` of scikit-learn's examples", text)


def parameters_doc(own: tuple[OwnParameter, ...], *, adopted: bool = False) -> str:
    """Text of numpydoc's section; `adopted`: for a model that was fitted elsewhere."""
    return "\n".join(_parameter_doc(parameter, adopted) for parameter in own)


def _parameter_doc(parameter: OwnParameter, adopted: bool) -> str:
    """Name, type and default, and what the parameter does."""
    first, *rest = inspect.cleandoc(parameter.doc).splitlines()
    rest = [_IN_FIT_ONLY] if adopted and parameter.in_fit_only else rest
    return "\n    ".join([f"{parameter.name} : {first}", *rest])


def _keywords(own: tuple[OwnParameter, ...]) -> list[inspect.Parameter]:
    """Our parameters as those of a signature."""
    return [inspect.Parameter(p.name, _KEYWORD, default=p.default) for p in own]


def _parameters_of(wrapped: type[BaseEstimator]) -> list[inspect.Parameter]:
    """Parameters of ``__init__``; where it takes any keyword, those of its bases join.

    Where the last of them takes any keyword, too, so does this.
    """
    named: dict[str, inspect.Parameter] = {}
    takes_any = False
    for base in inspect.getmro(wrapped)[:-1]:
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(vars(base)["__init__"]).parameters
        named = {k: p for k, p in parameters.items() if p.kind is not _VARIADIC} | named
        takes_any = any(p.kind is _VARIADIC for p in parameters.values())
        if not takes_any:
            break
    further = [inspect.Parameter(FURTHER, _VARIADIC)] if takes_any else []
    return [*named.values(), *further]


def _adoption(ours: Callable[..., Any], own: tuple[OwnParameter, ...]) -> Callable[..., Any]:
    """`from_sklearn_model` with our parameters spelled out."""
    leading = [p for p in inspect.signature(ours).parameters.values() if p.kind is not _VARIADIC]
    method = _under_signature(ours, inspect.Signature([*leading, *_keywords(own)]), _WHAT_TO_ADOPT)
    texts = {"purpose": inspect.getdoc(ours), "parameters": parameters_doc(own, adopted=True)}
    method.__doc__ = _ADOPTION_DOC.format(**texts)
    return method


def _under_signature(
    ours: Callable[..., Any], signature: inspect.Signature, hint: str = ""
) -> Callable[..., Any]:
    """Our method under another signature, which scikit-learn inspects; gets all but self named.

    The hint ends the message to who leaves out an argument.
    """
    variadic = [p.name for p in signature.parameters.values() if p.kind is _VARIADIC]

    def method(*args: object, **kwargs: object) -> object:
        check_keywords(ours.__name__, signature, kwargs)
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{ours.__name__}(): {error}{hint}") from None
        named = dict(list(bound.arguments.items())[1:])
        for name in variadic:
            named |= named.pop(name, {})
        return ours(*bound.args[:1], **named)

    method.__name__, method.__qualname__ = ours.__name__, ours.__qualname__
    method.__doc__, method.__module__ = ours.__doc__, ours.__module__
    method.__signature__ = signature  # type: ignore[attr-defined]
    return method


def _wrapped_tags(self: Any) -> Tags:
    """Tags of the wrapped model as the parameters are."""
    return self._make_wrapped().__sklearn_tags__()
