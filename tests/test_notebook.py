"""What notebooks show: scikit-learn's parameters and help, and what is known of encryption."""

from __future__ import annotations

import pytest
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cml_sklearn import DecisionTreeClassifier, LogisticRegression, MLPClassifier, Ridge
from cml_sklearn.estimators.notebook import facts_of
from cml_sklearn.exceptions import CompilationError
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.costs import CostTable
from cml_sklearn.fhe.protocol import FheReport, LookupCost
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.xgboost import XGBClassifier

pytestmark = pytest.mark.usefixtures("brief_students")

X, Y = load_iris(return_X_y=True)


@pytest.fixture
def no_compilation(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise CompilationError("compiled")

    monkeypatch.setattr(QuantizedModule, "_compiled", refuse)
    monkeypatch.setattr(FheCircuit, "generate_keys", refuse)


@pytest.mark.usefixtures("no_compilation")
def test_facts_are_shown_without_side_effects() -> None:
    model = LogisticRegression(max_iter=500, n_bits=7).fit(X, Y)
    for shown in (model, make_pipeline(StandardScaler(), model).fit(X, Y)):
        page = shown._repr_mimebundle_()["text/html"]
        assert page.count("Encrypted prediction") == 1
        for fact in ("encrypted inputs", "4 x 7 bits", "not compiled yet"):
            assert fact in page
    assert not model.quantized_module_.is_compiled


def test_parameters_have_their_help_and_links() -> None:
    page = LogisticRegression()._repr_mimebundle_()["text/html"]
    address = "modules/generated/sklearn.linear_model.LogisticRegression.html"
    assert f"{address}#:~:text=C,-float" in page
    assert "Inverse of regularization strength" in page
    assert "Width of the quantized inputs" in page
    assert "Chance that one bootstrap" in page
    assert "Encrypted prediction" not in page
    assert "Width of the quantized" not in LogisticRegression._wrapped_class()._repr_html_()
    assert "scikit-learn.org" not in XGBClassifier()._get_doc_link()


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_facts_are_those_of_the_program() -> None:
    assert facts_of(Ridge(n_bits=6).fit(X, Y).quantized_module_)["lookups"] == "0"
    network = MLPClassifier((3,), rounding_bits=3, max_iter=20, random_state=0).fit(X, Y)
    facts = facts_of(network.quantized_module_)
    assert (facts["lookups"], facts["widest lookup"]) == ("3", "3 bits")
    tree = DecisionTreeClassifier(max_depth=2).fit(X, Y)
    facts = facts_of(tree.quantized_module_)
    assert facts["encrypted inputs"].endswith("1 bit")
    assert int(facts["leaves of trees"]) == tree.get_n_leaves()
    circuit = tree.compile(engine="seal")
    assert facts_of(tree.quantized_module_)["circuit"] == repr(circuit)


def test_tables_of_layers_fit_80_columns() -> None:
    layers = [
        LookupCost(f"/a/very/long/path/to/the/layers.{i}/Gemm", 10**6, 16, 16, 1e3) for i in (0, 1)
    ]
    lines = str(CostTable(tuple(layers))).splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0][-13:] for line in lines[1:3]] == ["layers.0/Gemm", "layers.1/Gemm"]


def test_reports_are_short() -> None:
    report = FheReport(
        "concrete", 64.0, 1.23456789, 10**6, 1e3, 2e3, 9, 1, 2.0**-64, 128, {4: 64.0}
    )
    text = repr(report)
    assert len(text.splitlines()) <= 4
    assert max(map(len, text.splitlines())) <= 79
    assert "complexity=1.235, key_bytes=1000000" in text
    assert "pbs_by_width={4: 64}" in text
    assert "products" not in text
