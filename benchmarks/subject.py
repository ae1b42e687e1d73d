"""The library's own models, as the benchmarks measure them."""

from __future__ import annotations

from dataclasses import asdict
from importlib import import_module
from typing import Any

import joblib
import numpy as np

from benchmarks.models import ModelSpec

__all__ = ["OurSubject"]

# Imported when first needed, which is not what "fit" or "compile" shall measure.
_HEAVY = ("hummingbird.ml", "cml_sklearn.fhe.compiler")
_MODES = {"clear": False, "simulate": "simulate", "execute": True}


class OurSubject:
    """See `benchmarks.core.Subject`."""

    library = "cml_sklearn"

    def __init__(self, spec: ModelSpec, n_bits: int | None, seed: int) -> None:
        for module in _HEAVY:
            import_module(module)
        cls = getattr(import_module(f"cml_sklearn.{spec.module}"), spec.class_name)
        self.model = cls(**spec.parameters, **({} if n_bits is None else {"n_bits": n_bits}))
        if "random_state" in self.model.get_params():
            self.model.set_params(random_state=seed)

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        """See `Subject`."""
        self.model.fit(X, y)

    def compile(self, X: np.ndarray) -> None:
        """See `Subject`; the circuit needs no samples."""
        self.model.compile()

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
        same = np.ones(len(X), dtype=bool)
        for clear, encrypted in zip(module.quantized_forward(*codes), outputs, strict=True):
            same &= (clear == encrypted).reshape(len(X), -1).all(axis=1)
        return float(same.mean()), seconds

    def facts(self) -> dict[str, Any]:
        """See `Subject`."""
        report = asdict(self.model.fhe_report_)
        names = {"pbs_count": "pbs", "complexity": "gop"}
        return {names.get(name, name): value for name, value in report.items()}
