/** How samples stand in ciphertexts: side by side in coefficients, or in slots. */

import { checkDigits, countDigits, digitColumns } from "./digits.js";
import { InputError } from "./errors.js";

const LEAST_BLOCK = 16;

/** Samples in slots; the columns of small batches share ciphertexts, a block of slots each. */
class SlotLayout {
  /**
   * @param {number} n ring dimension, and number of slots
   * @param {number} block slots of a column, a power of two: n/2 or less, or n
   */
  constructor(n, block) {
    this.n = n;
    this.block = block;
    this.isSlots = true;
  }

  /** Columns in a ciphertext. */
  get columns() {
    return this.block === this.n ? 1 : this.n / this.block;
  }

  /**
   * Put columns into slots; the rest are zeros.
   *
   * @param {Float64Array[]} columns
   * @returns {Generator<Float64Array>}
   */
  *pack(columns) {
    for (let first = 0; first < columns.length; first += this.columns) {
      const slots = new Float64Array(this.n);
      const part = columns.slice(first, first + this.columns);
      part.forEach((column, i) => slots.set(column, i * this.block));
      yield slots;
    }
  }

  /** Places of the results of samples. */
  results(samples) {
    return Array.from({ length: samples }, (_, i) => i);
  }
}

/** Samples one after the other in the coefficients of a polynomial. */
class CoefficientLayout {
  /**
   * @param {number} n ring dimension
   * @param {number} features
   */
  constructor(n, features) {
    this.n = n;
    this.features = features;
    this.width = Math.min(features, n);
    this.samples = Math.floor(n / this.width);
    this.isSlots = false;
  }

  /** Put columns into coefficients. */
  *pack(columns) {
    const rows = columns[0].length;
    for (let first = 0; first < this.features; first += this.n) {
      const part = new Float64Array(rows * this.width);
      columns.slice(first, first + this.n).forEach((column, feature) => {
        column.forEach((value, row) => (part[row * this.width + feature] = value));
      });
      yield part;
    }
  }

  /** Places of the samples' scalar products. */
  results(samples) {
    return Array.from({ length: samples }, (_, i) => (i + 1) * this.width - 1);
  }
}

/**
 * @typedef {object} Layouts
 * @property {number} n ring dimension
 * @property {number} n_columns elements of a sample, or bits of its digits
 * @property {boolean} is_affine whether no ciphertexts are multiplied
 * @property {import("./digits.js").Digits | null} digits
 */

/**
 * Layout of a batch of 1 to n samples.
 *
 * @param {Layouts} layouts
 * @param {number} samples
 */
export function layoutOf({ n, n_columns, is_affine, digits }, samples) {
  if (!(Number.isInteger(samples) && samples >= 1 && samples <= n)) {
    throw new InputError(`A batch of ${samples} samples came; the circuit takes 1 to ${n}.`);
  }
  if (digits) return new SlotLayout(n, n);
  if (!is_affine) {
    const block = Math.max(LEAST_BLOCK, 2 ** Math.ceil(Math.log2(samples)));
    return new SlotLayout(n, block <= n / 2 ? block : n);
  }
  const coefficients = new CoefficientLayout(n, n_columns);
  return samples <= coefficients.samples ? coefficients : new SlotLayout(n, n);
}

/** Refuse layouts that make no sense. */
export function checkLayouts({ n, n_columns, digits }) {
  if (digits) checkDigits(digits);
  const isSound = n >= 2 * LEAST_BLOCK && Number.isInteger(Math.log2(n)) && n_columns >= 1;
  if (!isSound || (digits && countDigits(digits) !== n_columns)) {
    throw new InputError(`There are no layouts of ${n_columns} columns in ${n}.`);
  }
}

/**
 * Columns that are encrypted, of those that the encoder made.
 *
 * @param {Layouts} layouts
 * @param {Float64Array[]} columns
 * @returns {Float64Array[]}
 */
export function encryptedColumns({ n_columns, digits }, columns) {
  if (digits) return digitColumns(digits, columns);
  if (columns.length !== n_columns) {
    throw new InputError(`${columns.length} columns came; the circuit takes ${n_columns}.`);
  }
  return columns;
}

/**
 * Steps of the rotations of slots that the server needs: those of the smallest block, and 0, which
 * is the exchange of the two rows.
 */
export function rotationSteps({ n, is_affine, digits }) {
  if (is_affine || digits) return [];
  const doublings = Math.log2(n / 2 / LEAST_BLOCK);
  return [...Array.from({ length: doublings }, (_, i) => LEAST_BLOCK * 2 ** i), 0];
}

/**
 * Sizes of the batches of some samples.
 *
 * @param {{largest: number, small: number, most_small: number}} batches
 * @param {number} samples
 * @returns {number[]}
 */
export function batchSizes({ largest, small, most_small }, samples) {
  return parted(samples, largest).flatMap((size) => {
    const count = small ? Math.ceil(size / small) : 0;
    return count > 0 && count <= most_small ? parted(size, small) : [size];
  });
}

/** Full batches, and one of what is left. */
function parted(samples, size) {
  const full = Math.floor(samples / size);
  const rest = samples % size;
  return [...Array(full).fill(size), ...(rest ? [rest] : [])];
}
