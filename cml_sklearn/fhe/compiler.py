"""The only file that talks to the FHE backend, Concrete."""

from __future__ import annotations

import inspect
import tempfile
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from cml_sklearn.exceptions import BitWidthError, CompilationError
from cml_sklearn.fhe.backend import CircuitOptions, FheReport, Program
from cml_sklearn.fhe.primitives import Convolution, IntArray, TableSet

__all__ = ["ConcreteBackend"]

MAX_LOOKUP_BITS = 16
MAX_ROUNDED_BITS = 20
_SECURITY_BITS = 128


def _fhe() -> ModuleType:
    """Import the backend on first need; it warns about its own imports."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from concrete import fhe
    return fhe


class ConcreteBackend:
    """Compiles programs with concrete-python."""

    def compile(
        self, program: Program, batch_size: int, options: CircuitOptions
    ) -> ConcreteCircuit:
        """See `Backend.compile`."""
        _check_lookup_widths(program)
        fhe = _fhe()
        names = [f"x{i}" for i in range(len(program.input_bounds))]
        compiler = fhe.Compiler(_traceable(program, names), dict.fromkeys(names, "encrypted"))
        try:
            circuit = compiler.compile(
                _representative_inputs(program, batch_size), _configuration(fhe, options)
            )
        except RuntimeError as error:
            raise _explain(program, error) from error
        return ConcreteCircuit(circuit, batch_size, options)


class ConcreteCircuit:
    """One compiled circuit and its client."""

    def __init__(self, circuit: Any, batch_size: int, options: CircuitOptions) -> None:
        self._circuit = circuit
        self._report = _report(circuit, batch_size, options)

    @property
    def report(self) -> FheReport:
        """See `CompiledCircuit.report`."""
        return self._report

    def simulate(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """See `CompiledCircuit.simulate`."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _as_tuple(self._circuit.simulate(*inputs))

    def encrypt(self, *inputs: IntArray) -> Ciphertexts:
        """See `CompiledCircuit.encrypt`."""
        self._circuit.keygen(force=False)
        return Ciphertexts(_as_tuple(self._circuit.encrypt(*inputs)))

    def server(self) -> ConcreteServer:
        """See `CompiledCircuit.server`."""
        self._circuit.keygen(force=False)
        return ConcreteServer(self._circuit.server, self._circuit.keys.evaluation)

    def decrypt(self, encrypted: Ciphertexts) -> tuple[IntArray, ...]:
        """See `CompiledCircuit.decrypt`."""
        return _as_tuple(self._circuit.decrypt(*encrypted.values))


class Ciphertexts:
    """Encrypted tensors; pickled as the backend's own bytes."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.values = values

    def __getstate__(self) -> list[bytes]:
        """Serialize, for joblib's workers."""
        return [value.serialize() for value in self.values]

    def __setstate__(self, state: list[bytes]) -> None:
        """Read what `__getstate__` wrote."""
        value_type = _fhe().Value
        self.values = tuple(value_type.deserialize(data) for data in state)


class ConcreteServer:
    """Circuit and evaluation keys; pickled as the backend's own bytes."""

    def __init__(self, server: Any, keys: Any) -> None:
        self._server = server
        self._keys = keys

    def run(self, encrypted: Ciphertexts) -> Ciphertexts:
        """See `Server.run`."""
        results = self._server.run(*encrypted.values, evaluation_keys=self._keys)
        return Ciphertexts(_as_tuple(results))

    def __getstate__(self) -> tuple[bytes, bytes]:
        """Serialize, for joblib's workers."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "server.zip"
            self._server.save(path)
            return path.read_bytes(), self._keys.serialize()

    def __setstate__(self, state: tuple[bytes, bytes]) -> None:
        """Read what `__getstate__` wrote."""
        fhe = _fhe()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "server.zip"
            path.write_bytes(state[0])
            self._server = fhe.Server.load(path)
        self._keys = fhe.EvaluationKeys.deserialize(state[1])


class _TracingPrimitives:
    """See `Primitives`; on the backend's tracers."""

    def __init__(self, fhe: ModuleType) -> None:
        self._fhe = fhe

    def lookup(self, index: Any, tables: TableSet) -> Any:
        """See `Primitives.lookup`."""
        fhe = self._fhe
        removed = tables.lsbs_to_remove
        rows = np.repeat(tables.tables, 1 << removed, axis=1)
        with fhe.tag(f"width_{tables.width}"):
            if removed:
                exactness = fhe.Exactness.EXACT if tables.exact else fhe.Exactness.APPROXIMATE
                index = fhe.round_bit_pattern(
                    index, lsbs_to_remove=removed, overflow_protection=False, exactness=exactness
                )
            if len(rows) == 1:
                return fhe.LookupTable(rows[0].tolist())[index]
            made = [fhe.LookupTable(row.tolist()) for row in rows]
            chosen = np.empty(tables.choice.shape, dtype=object)
            chosen.ravel()[:] = [made[i] for i in tables.choice.ravel()]
            return fhe.LookupTable(np.broadcast_to(chosen[None], index.shape))[index]

    def matmul(self, x: Any, weights: IntArray) -> Any:
        """See `Primitives.matmul`."""
        return x @ weights

    def convolve(self, x: Any, weight: IntArray, attributes: Convolution) -> Any:
        """See `Primitives.convolve`; the backend has two axes, and fails on some paddings."""
        from concrete.fhe.extensions import convolution

        axes = len(x.shape) - 2
        x = self.pad(x, (0, *attributes.pads[:axes]), (0, *attributes.pads[axes:]))
        strides, dilations = attributes.strides, attributes.dilations
        if axes == 1:
            x = x.reshape((*x.shape[:2], 1, x.shape[2]))
            weight = weight[:, :, None]
            strides, dilations = (1, *strides), (1, *dilations)
        result = convolution.conv(
            x, weight, strides=strides, dilations=dilations, group=attributes.group
        )
        return result.reshape((*result.shape[:2], result.shape[3])) if axes == 1 else result

    def multiply(self, x: Any, y: Any) -> Any:
        """See `Primitives.multiply`."""
        return x * y

    def pad(self, x: Any, before: tuple[int, ...], after: tuple[int, ...]) -> Any:
        """See `Primitives.pad`."""
        for axis, ends in enumerate(zip(before, after, strict=True), start=1):
            zeros = [self._zeros(x, axis, length) for length in ends]
            parts = tuple(part for part in (zeros[0], x, zeros[1]) if part.shape[axis])
            x = np.concatenate(parts, axis=axis) if len(parts) > 1 else x
        return x

    def _zeros(self, x: Any, axis: int, length: int) -> Any:
        shape = (*x.shape[:axis], length, *x.shape[axis + 1 :])
        return self._fhe.zeros(shape) if length else np.zeros(shape)

    def bound(self, x: Any, upper: int) -> Any:
        """See `Primitives.bound`."""
        return self._fhe.hint(x, can_store=upper)


def _traceable(program: Program, names: list[str]) -> Any:
    """Make a function with the named parameters that the backend's tracer asks for."""
    primitives = _TracingPrimitives(_fhe())

    def circuit(**inputs: Any) -> Any:
        outputs = program.run(primitives, *(inputs[name] for name in names))
        return outputs if len(outputs) > 1 else outputs[0]

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind) for name in names]
    circuit.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return circuit


def _representative_inputs(program: Program, batch_size: int) -> list[Any]:
    """Make inputs that show every input's range; `bound` declares the inner ones."""
    rng = np.random.default_rng(0)
    ends = [[side(b) for b in program.input_bounds] for side in (_low, _high)]
    samples = [[b.sample(rng) for b in program.input_bounds] for _ in range(8)]
    repeated = [[np.repeat(x[None], batch_size, axis=0) for x in s] for s in (*ends, *samples)]
    return [tuple(s) if len(s) > 1 else s[0] for s in repeated]


def _low(bounds: Any) -> IntArray:
    return bounds.low


def _high(bounds: Any) -> IntArray:
    return bounds.high


def _configuration(fhe: ModuleType, options: CircuitOptions) -> Any:
    """Backend settings; its default security level, 128 bits, is what the report says."""
    return fhe.Configuration(
        p_error=options.p_error,
        parameter_selection_strategy=options.parameters,
        compress_input_ciphertexts=True,
        dump_artifacts_on_unexpected_failures=False,
    )


def _report(circuit: Any, batch_size: int, options: CircuitOptions) -> FheReport:
    """Collect the compiler's statistics, by sample."""
    statistics = circuit.statistics
    by_tag = statistics["programmable_bootstrap_count_per_tag"]
    by_width = {
        int(tag.removeprefix("width_")): count / batch_size
        for tag, count in sorted(by_tag.items())
        if tag.startswith("width_")
    }
    return FheReport(
        pbs_count=statistics["programmable_bootstrap_count"] / batch_size,
        pbs_by_width=by_width,
        complexity=statistics["complexity"] / batch_size / 1e9,
        key_bytes=statistics["size_of_bootstrap_keys"] + statistics["size_of_keyswitch_keys"],
        input_bytes=statistics["size_of_inputs"] / batch_size,
        output_bytes=statistics["size_of_outputs"] / batch_size,
        max_bit_width=circuit.graph.maximum_integer_bit_width(),
        batch_size=batch_size,
        p_error=options.p_error,
        security_bits=_SECURITY_BITS,
    )


def _check_lookup_widths(program: Program) -> None:
    """Refuse lookups that the backend can't do before it is asked."""
    for source, width, kept in program.widths():
        index = f"The lookup after {source} has an index of {width} bits"
        if kept > MAX_LOOKUP_BITS:
            raise BitWidthError(
                f"{index}; the backend takes at most {MAX_LOOKUP_BITS}. Lower n_bits (of inputs or "
                "weights), or set rounding_bits."
            )
        if kept and width > MAX_ROUNDED_BITS:
            raise BitWidthError(
                f"{index} before rounding; the backend writes a table of all of them out, of at "
                f"most {MAX_ROUNDED_BITS} bits. Lower n_bits (of inputs or weights)."
            )


def _explain(program: Program, error: RuntimeError) -> Exception:
    """Turn the backend's refusal into an error that names the widest operator."""
    source, width, _ = max(program.widths(), key=lambda row: row[1])
    if "NoParametersFound" in str(error):
        return BitWidthError(
            f"The backend found no secure parameters: {source} makes integers of {width} bits. "
            "Lower n_bits (of inputs or weights), or allow a larger p_error."
        )
    return CompilationError(f"The backend could not compile the circuit: {error}")


def _as_tuple(values: Any) -> tuple[Any, ...]:
    """One value or several, as a tuple."""
    return values if isinstance(values, tuple) else (values,)
