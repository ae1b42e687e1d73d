"""The library's own models, as the benchmarks measure them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from typing import Any, ClassVar

import joblib
import numpy as np

from benchmarks.models import ModelSpec
from cml_sklearn.config import AUTO, ENGINES

__all__ = ["PEER_P_ERROR", "OurSubject", "equal_samples"]

PEER_P_ERROR = 2.0**-40
"""Concrete-ML's default: what is compared must be as safe."""

# Imported when first needed, which is not what "fit" or "compile" shall measure.
_HEAVY = ("hummingbird.ml", "concrete.fhe")
_MODES = {"clear": False, "simulate": "simulate", "execute": True}


class OurSubject:
    """See `benchmarks.core.Subject`; by default as safe as the peer's models."""

    library = "cml_sklearn"
    engines: ClassVar[tuple[str, ...]] = (AUTO, *ENGINES)

    def __init__(
        self,
        spec: ModelSpec,
        n_bits: int | None,
        seed: int,
        engine: str = AUTO,
        p_error: float = PEER_P_ERROR,
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # theirs about themselves
            for module in _HEAVY:
                import_module(module)
        self.engine = engine
        widths = {} if n_bits is None else {"n_bits": n_bits}
        self.model = spec.make(f"cml_sklearn.{spec.module}", seed, p_error=p_error, **widths)

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        """See `Subject`."""
        self.model.fit(X, y)

    def compile(self, X: np.ndarray) -> None:
        """See `Subject`; the circuit needs no samples."""
        self.model.compile(engine=self.engine)

    def generate_keys(self) -> None:
        """See `Subject`."""
        self.model.fhe_circuit_.generate_keys()

    def predict(self, X: np.ndarray, mode: str, jobs: int) -> np.ndarray:
        """See `Subject`."""
        with joblib.parallel_config("threading", n_jobs=jobs):
            return self.model.predict(X, execute_in_fhe=_MODES[mode])

    def profile(self, X: np.ndarray) -> tuple[float, dict[str, float]]:
        """See `Subject`; integers are compared, sample by sample."""
        module = self.model.quantized_module_
        codes = module.quantize_input(X)
        outputs, seconds = self.model.fhe_circuit_.profile(*codes)
        same = equal_samples(module.quantized_forward(*codes), outputs)
        return float(same.mean()), seconds

    def facts(self) -> dict[str, Any]:
        """See `Subject`."""
        report = asdict(self.model.fhe_report_)
        names = {"pbs_count": "pbs", "complexity": "gop"}
        return {names.get(name, name): value for name, value in report.items()}


def equal_samples(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> np.ndarray:
    """Which samples' integers are equal in all outputs, shape (n_samples,)."""
    pairs = zip(a, b, strict=True)
    return np.all([(x == y).reshape(len(x), -1).all(axis=1) for x, y in pairs], axis=0)
