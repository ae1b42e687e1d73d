"""A cancer classifier on encrypted data, from grid search to encrypted predictions.

The data's owner encrypts; whoever runs the model sees ciphertexts only. Run it by ``make demo``.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.callback import ProgressBar
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from cml_sklearn import LogisticRegression, config_context
from cml_sklearn.fhe.protocol import FheReport

N_BITS = [2, 3, 4, 6, 8]
N_ONE_BY_ONE = 20


def search_n_bits(X: NDArray[np.float64], y: NDArray[np.int64]) -> GridSearchCV:
    """Choose the width of the integers by cross-validation, with a progress bar."""
    pipeline = Pipeline([("scale", StandardScaler()), ("classify", LogisticRegression())])
    search = GridSearchCV(pipeline, {"classify__n_bits": N_BITS})
    search.set_callbacks(ProgressBar(max_propagation_depth=0))
    return search.fit(X, y)


def predict_encrypted(model: Pipeline, X: NDArray[np.float64]) -> tuple[NDArray[np.int64], float]:
    """Predict all rows in batches; the labels, and seconds per row."""
    started = perf_counter()
    labels = model.predict(X, execute_in_fhe=True)
    return labels, (perf_counter() - started) / len(X)


def predict_one_by_one(model: Pipeline, X: NDArray[np.float64]) -> float:
    """Predict rows in calls of their own; seconds per row."""
    started = perf_counter()
    for row in X:
        model.predict(row[None], execute_in_fhe=True)
    return (perf_counter() - started) / len(X)


def widths_table(search: GridSearchCV) -> Table:
    """Cross-validated accuracy by number of bits."""
    table = Table("n_bits", "accuracy (5-fold)", title="Grid search, quantized")
    for n_bits, score in zip(N_BITS, search.cv_results_["mean_test_score"], strict=True):
        table.add_row(f"{n_bits}", f"{score:.4f}")
    return table


def accuracy_rows(
    model: Pipeline, encrypted: NDArray[np.int64], X: NDArray[np.float64], y: NDArray[np.int64]
) -> dict[str, str]:
    """Accuracy of scikit-learn's model, of its integers, and under encryption."""
    clear = model.predict(X)
    float_labels = model[-1].sklearn_model_.predict(model[:-1].transform(X))
    return {
        "accuracy: scikit-learn, floats": f"{accuracy_score(y, float_labels):.4f}",
        "accuracy: quantized, in the clear": f"{accuracy_score(y, clear):.4f}",
        "accuracy: encrypted": f"{accuracy_score(y, encrypted):.4f}",
        "encrypted label = clear label": f"{100 * np.mean(encrypted == clear):.1f} %",
    }


def circuit_rows(report: FheReport) -> dict[str, str]:
    """Facts of the circuit."""
    chance = "none" if report.p_error == 0 else f"2**{np.log2(report.p_error):.0f}"
    return {
        "engine": report.engine,
        "evaluation keys": f"{report.key_bytes:,} bytes",
        "ciphertexts sent per sample": f"{report.input_bytes:,.0f} bytes",
        "ciphertexts returned per sample": f"{report.output_bytes:,.0f} bytes",
        "chance of a wrong value (p_error)": chance,
        "security level": f"{report.security_bits} bits",
    }


def other_engine_rows(model: Pipeline, X: NDArray[np.float64]) -> dict[str, str]:
    """One line on the engine that was not chosen."""
    with config_context(engine="concrete"):
        model[-1].compile().generate_keys()
        labels, seconds = predict_encrypted(model, X)
    same = 100 * np.mean(labels == model.predict(X))
    return {"time per sample on Concrete": f"{1000 * seconds:.1f} ms, {same:.1f} % equal"}


def prediction_rows(
    model: Pipeline, X: NDArray[np.float64], y: NDArray[np.int64]
) -> dict[str, str]:
    """Compile, predict under encryption, and collect all figures."""
    started = perf_counter()
    circuit = model[-1].compile(batch_size=len(X))
    seconds_to_compile = perf_counter() - started
    labels, seconds = predict_encrypted(model, X)
    seconds_alone = predict_one_by_one(model, X[:N_ONE_BY_ONE])
    return {
        "n_bits": f"{model[-1].n_bits}",
        **accuracy_rows(model, labels, X, y),
        "time to compile": f"{seconds_to_compile:.2f} s",
        "time per sample, all at once": f"{1000 * seconds:.1f} ms",
        "time per sample, one by one": f"{1000 * seconds_alone:.1f} ms",
        **circuit_rows(circuit.report),
        **other_engine_rows(model, X),
    }


def main() -> None:
    """Search, predict, and print the figures."""
    console = Console()
    X, y = load_breast_cancer(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
    search = search_n_bits(X_train, y_train)
    console.print(widths_table(search))
    table = Table("figure", "value", title=f"{len(X_test)} encrypted predictions")
    for row in prediction_rows(search.best_estimator_, X_test, y_test).items():
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
