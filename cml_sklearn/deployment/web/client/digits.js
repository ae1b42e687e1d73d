/**
 * Features of a grid in two digits: a feature's value v, the number of its ones, is h * base + l, and
 * encrypted are the bits "h >= 1", "h >= 2", ..., "l >= 1", "l >= 2", ...
 *
 * @typedef {{widths: number[], bases: number[]}} Digits bits of each feature, and its base
 */

import { InputError } from "./errors.js";

/** Bits of the high and of the low digit of each feature. */
const sizesOf = ({ widths, bases }) =>
  widths.map((width, i) => [Math.floor(width / bases[i]), Math.min(bases[i] - 1, width)]);

/** @returns {number} bits of all digits */
export const countDigits = (digits) =>
  sizesOf(digits).reduce((sum, [high, low]) => sum + high + low, 0);

/** Refuse digits that make no sense. */
export function checkDigits({ widths, bases }) {
  const isSound =
    widths.length > 0 &&
    widths.length === bases.length &&
    widths.every((width) => width >= 1) &&
    bases.every((base) => base >= 2);
  if (!isSound) throw new InputError(`There are no digits of ${bases} for ${widths} bits.`);
}

/**
 * Bits of the digits.
 *
 * @param {Digits} digits
 * @param {Float64Array[]} columns bits of the grid; within a feature ones come first
 * @returns {Float64Array[]}
 */
export function digitColumns(digits, columns) {
  const { widths, bases } = digits;
  const wanted = widths.reduce((sum, width) => sum + width, 0);
  if (columns.length !== wanted) {
    throw new InputError(`${columns.length} bits came; the digits are of ${wanted}.`);
  }
  let start = 0;
  return sizesOf(digits).flatMap(([high, low], i) => {
    const values = sumOf(columns.slice(start, (start += widths[i])));
    return [
      ...atLeast(
        values.map((value) => Math.floor(value / bases[i])),
        high,
      ),
      ...atLeast(
        values.map((value) => value % bases[i]),
        low,
      ),
    ];
  });
}

const sumOf = (columns) =>
  columns[0].map((_, row) => columns.reduce((sum, column) => sum + column[row], 0));

/** Bits "at least 1", "at least 2", ... of numbers. */
const atLeast = (values, size) =>
  Array.from({ length: size }, (_, i) => values.map((value) => Number(value > i)));
