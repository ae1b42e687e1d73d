"""A forest as a quantized module: bits of a grid in, one `Trees` step, sums of leaves out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.exceptions import CalibrationError, InvalidInputError
from cml_sklearn.forest.forest import Forest
from cml_sklearn.forest.grid import FeatureGrid
from cml_sklearn.forest.leaf_rounding import LeafRounding
from cml_sklearn.program.bounds import Thermometer
from cml_sklearn.program.program import Instruction, IntegerProgram
from cml_sklearn.program.steps import Trees
from cml_sklearn.quantization.decoders import FieldDecoder
from cml_sklearn.quantization.quantized_module import QuantizedModule

_SAME_TOTAL = 1e-6
"""Error of what is taken for one total, as a share of the last output's range."""

_MAX_SUM_BITS = 30
"""Leaves have 32 bits."""

_USUAL_EXPONENTS = 300

__all__ = ["IntegerForest", "forest_to_module", "quantize_forest"]


@dataclass(frozen=True)
class IntegerForest:
    """A forest in integers.

    Parameters
    ----------
    step : Trees
        From bits to fields.
    decoder : FieldDecoder
        From fields to the forest's outputs.
    max_error : ndarray, shape (n_outputs,)
        Bound of the difference from the forest of floats.
    """

    step: Trees
    decoder: FieldDecoder
    max_error: FloatArray


def forest_to_module(
    forest: Forest,
    grid: FeatureGrid,
    samples: NDArray[np.integer],
    *,
    float32: bool,
    sum_bits: int | None = None,
    sample_weight: FloatArray | None = None,
    per_tree: bool = False,
    one_unit: bool = True,
) -> QuantizedModule:
    """Put a forest's step between the grid's encoder and a decoder.

    Parameters
    ----------
    forest : Forest
        In terms of the grid's bits.
    grid : FeatureGrid
    float32 : bool
        See `GridEncoder`.
    samples, sum_bits, sample_weight, per_tree, one_unit
        See `quantize_forest`.
    """
    integers = quantize_forest(
        forest,
        samples,
        sum_bits,
        sample_weight=sample_weight,
        per_tree=per_tree,
        one_unit=one_unit,
    )
    bounds = (Thermometer.of(grid.bit_features),)
    program = IntegerProgram(bounds, (Instruction(integers.step, (0,), "trees"),), (1,))
    return QuantizedModule(program, (grid.encoder(float32=float32),), (integers.decoder,))


def quantize_forest(
    forest: Forest,
    samples: NDArray[np.integer],
    sum_bits: int | None = None,
    *,
    sample_weight: FloatArray | None = None,
    per_tree: bool = False,
    one_unit: bool = True,
) -> IntegerForest:
    """Round a forest's leaves to integers.

    Where all leaves' outputs have the same total, as probabilities have, the last output is what
    the others leave of it, and gets no field.

    Parameters
    ----------
    forest : Forest
    samples : ndarray of shape (n_samples, n_bits)
        Bits of training data: the trees make up for each other's rounding on them.
    sum_bits : int, optional
        Width of each output's sum over the trees. None: see `LeafRounding.choose_sum_bits`.
    sample_weight : ndarray of shape (n_samples,), optional
        Weights of the samples, positive.
    per_tree : bool
        Whether every tree's share of an output is a field of its own, which the client adds up;
        the integers are the same.
    one_unit : bool
        Whether all outputs have one unit, as scores of classes have. Else none may be left to
        others, whose rounding may be far larger than all that it is.

    Raises
    ------
    InvalidInputError
        If `sum_bits` is below 1 or above 30.
    CalibrationError
        If a leaf or an offset is not finite.
    """
    if sum_bits is not None and not 1 <= sum_bits <= _MAX_SUM_BITS:
        raise InvalidInputError(f"sum_bits is {sum_bits}; give 1 to {_MAX_SUM_BITS}.")
    forest, unit = _in_usual_units(forest)
    rounding = LeafRounding(forest, samples, sample_weight)
    width = sum_bits or rounding.choose_sum_bits(one_unit=one_unit)
    total = _common_total(rounding) if one_unit else None
    outputs = [rounding.output(o, width) for o in range(forest.n_outputs - (total is not None))]
    values = np.stack([output.values for output in outputs], axis=1)
    step, field_output = _to_step(forest, values, rounding.starts, per_tree)
    scale = np.diag([output.scale for output in outputs])[field_output]
    offset = np.array([output.offset for output in outputs])
    error = np.array([output.max_error for output in outputs])
    if total is not None:
        whole, beside = total
        scale = np.hstack([scale, -scale.sum(axis=1, keepdims=True)])
        offset = np.append(offset, whole - offset.sum())
        error = np.append(error, error.sum() + beside)
    decoder = FieldDecoder(np.ldexp(scale, unit), np.ldexp(offset, unit))
    return IntegerForest(step, decoder, np.ldexp(error, unit))


def _in_usual_units(forest: Forest) -> tuple[Forest, int]:
    """Divide huge or tiny outputs by a power of two, so that squares of them fit a float.

    Returns
    -------
    forest : Forest
    exponent : int
        Of the power of two; 0 where nothing was divided.
    """
    outputs = np.vstack([forest.value[forest.bit < 0], forest.offset])
    size = float(np.abs(outputs).max(initial=0))
    if not np.isfinite(size):
        raise CalibrationError(
            "A tree's leaf, or what is added to all trees, is NaN or infinite. Train on targets "
            "that are finite, and whose squares are, too."
        )
    exponent = int(np.frexp(size)[1])
    if abs(exponent) < _USUAL_EXPONENTS:
        return forest, 0
    value, offset = (np.ldexp(v, -exponent) for v in (forest.value, forest.offset))
    return replace(forest, value=value, offset=offset), exponent


def _common_total(rounding: LeafRounding) -> tuple[float, float] | None:
    """Sum of all outputs if it's the same at every leaf, as for probabilities, and its error.

    The same but for the last bits of a float32, as the last output sees them: it may be far smaller
    than the others.
    """
    forest, starts = rounding.forest, rounding.starts
    if forest.n_outputs < 2:
        return None
    sums = rounding.value.sum(axis=1)
    greatest, least = (f.reduceat(sums, starts) for f in (np.maximum, np.minimum))
    middle = (greatest + least) / 2
    size = np.maximum.reduceat(np.abs(rounding.value).sum(axis=1), starts).sum()
    error = (greatest - middle).sum()
    error += np.finfo(np.float64).eps * (size + np.abs(forest.offset).sum())
    if error > _SAME_TOTAL * rounding.spans[:, -1].sum():
        return None
    return float(forest.offset.sum() + middle.sum()), float(error)


def _to_step(
    forest: Forest, values: IntArray, starts: IntArray, per_tree: bool
) -> tuple[Trees, IntArray]:
    """Step of integers (n_leaves, n_outputs), and the output of each of its fields."""
    uses = np.maximum.reduceat(values, starts) > 0
    # the outputs that a tree adds to come first among its columns
    column = np.argsort(~uses, axis=1, kind="stable")[:, : max(int(uses.sum(axis=1).max()), 1)]
    used = np.take_along_axis(uses, column, axis=1)
    fields, field_output = np.where(used, column, 0), np.arange(values.shape[1])
    if per_tree:
        fields = np.where(used, np.cumsum(used).reshape(used.shape) - 1, 0)
        field_output = column[used] if used.any() else np.zeros(1, dtype=np.int64)
    tree = forest.tree_of_node
    is_leaf, kept = forest.bit < 0, uses.any(axis=1)
    spread = np.zeros((len(tree), column.shape[1]), dtype=np.int64)
    spread[is_leaf] = np.take_along_axis(values, column[tree[is_leaf]], axis=1)
    nodes = kept[tree]
    number = np.cumsum(nodes) - 1
    step = Trees(
        bit=forest.bit[nodes],
        child=number[forest.child[nodes]].astype(np.int32),
        roots=number[forest.roots[kept]].astype(np.int32),
        values=spread[nodes].astype(np.int32),
        fields=fields[kept].astype(np.int32),
        n_fields=len(field_output),
    )
    return step, field_output
