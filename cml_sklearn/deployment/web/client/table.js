/** Columns of numbers and text, on their way to a matrix. */

import { InputError } from "./errors.js";

/**
 * @typedef {object} Table
 * @property {Array<Array<number | string | null> | Float64Array>} columns
 * @property {string[]} names what messages call the columns
 * @property {number} rows
 * @property {boolean} byName whether columns are to be found by their names
 */

/**
 * Make a table of what a user gives: an array of rows, or names with columns.
 *
 * @param {Array<Array<number | string | null>> | {names: string[], columns: Array<ArrayLike>}} data
 *   NaN, or null in columns of numbers, is a missing value
 * @returns {Table}
 */
export function asTable(data) {
  const byName = !Array.isArray(data);
  const columns = byName ? data.columns.map((column) => Array.from(column)) : turned(data);
  const names = byName ? data.names : genericNames(columns.length);
  if (names.length !== columns.length || new Set(names).size < names.length) {
    throw new InputError("Each column needs a name of its own.");
  }
  const rows = columns[0]?.length ?? 0;
  columns.forEach((column, i) => checkColumn(column, names[i], rows));
  return { columns, names, rows, byName };
}

/** scikit-learn's names of columns without names. */
export const genericNames = (count) => Array.from({ length: count }, (_, i) => `x${i}`);

/** Table of columns of numbers. */
export function numberTable(columns, names, rows) {
  return { columns, names: names ?? genericNames(columns.length), rows, byName: false };
}

/** Refuse another number of columns. */
export function requireColumns(table, count) {
  if (table.columns.length !== count) {
    throw new InputError(
      `The data has ${table.columns.length} columns, but ${count} are needed: give those that the ` +
        "model was fitted to, in the same order.",
    );
  }
}

/**
 * Columns as floats, without infinities.
 *
 * @param {Table} table
 * @param {boolean} allowNaN
 * @returns {Float64Array[]}
 */
export function numbersOf(table, allowNaN) {
  return table.columns.map((column, i) => numbersIn(column, table.names[i], allowNaN));
}

function numbersIn(column, name, allowNaN) {
  return Float64Array.from(column, (cell, row) => {
    if (typeof cell === "string") {
      throw new InputError(`Column '${name}' holds the text '${cell}', but numbers are needed.`);
    }
    const value = cell ?? NaN;
    if (Number.isFinite(value) || (allowNaN && Number.isNaN(value))) return value;
    const allowed = allowNaN ? "finite numbers and missing values" : "finite numbers without gaps";
    throw new InputError(
      `Column '${name}' holds ${Number.isNaN(value) ? "no value" : value} in row ${row + 1}, but ` +
        `${allowed} are needed.`,
    );
  });
}

function turned(rows) {
  const width = rows[0]?.length ?? 0;
  if (rows.some((row) => row.length !== width)) throw new InputError("Rows have unequal lengths.");
  return Array.from({ length: width }, (_, i) => rows.map((row) => row[i]));
}

function checkColumn(column, name, rows) {
  if (column.length !== rows) throw new InputError(`Column '${name}' has another length.`);
  const bad = column.find((cell) => cell !== null && !["number", "string"].includes(typeof cell));
  if (bad !== undefined || column.includes(undefined)) {
    throw new InputError(`Column '${name}' holds ${bad}, but numbers, text and null are allowed.`);
  }
}
