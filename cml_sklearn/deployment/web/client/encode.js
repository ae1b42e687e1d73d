/** Maps from floats to the integers that are encrypted. */

import { InputError } from "./errors.js";

/**
 * Encode columns of floats.
 *
 * @param {object} encoder AffineQuantizer or GridEncoder
 * @param {Float64Array[]} columns one a feature
 * @param {string[]} names
 * @returns {Float64Array[]} columns of integers, in the order in which they are encrypted
 */
export function quantize(encoder, columns, names) {
  const isGrid = encoder.class === "GridEncoder";
  columns.forEach((column, i) => {
    if (column.includes(NaN) && !(isGrid && encoder.missing.values[i])) {
      throw new InputError(
        `Column '${names[i]}' lacks a value, and had none missing in training: fill it in.`,
      );
    }
  });
  return isGrid
    ? columns.flatMap((column, i) => gridBits(encoder, column, i))
    : columns.map((column, i) => affineCodes(encoder, column, i));
}

function affineCodes({ scale, zero_point, n_bits }, column, place) {
  const [step, zero] = [scale, zero_point].map(
    ({ values }) => values[values.length > 1 ? place : 0],
  );
  const upper = 2 ** n_bits - 1;
  return column.map((value) => Math.min(Math.max(rint(value / step) + zero, 0), upper));
}

/** Nearest integer, the even one of two. */
export function rint(value) {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** A column of bits for each edge, and one for what is missing, which lies above all edges. */
function gridBits({ edges, missing, float32 }, column, place) {
  const values = float32 ? column.map(Math.fround) : column;
  const mayMiss = missing.values[place];
  const bits = Array.from(edges[place].values, (edge) =>
    values.map((value) => Number(value > edge || Number.isNaN(value))),
  );
  return mayMiss ? [...bits, values.map((value) => Number(Number.isNaN(value)))] : bits;
}
