/**
 * What comes before encryption: the fitted transformers of a pipeline, as plain data.
 *
 * Only those that give the same floats as in Python, to the last bit, are done here: others could put
 * a value on the other side of an edge.
 */

import { InputError } from "./errors.js";
import { numberTable, numbersOf, requireColumns } from "./table.js";

/** @typedef {import("./table.js").Table} Table */

/**
 * Take a table through all steps.
 *
 * @param {object[]} transforms of the archive
 * @param {Table} table
 * @returns {Table}
 */
export const preprocess = (transforms, table) =>
  transforms.reduce((part, transform) => TRANSFORMS[transform.class](transform, part), table);

/** A step that maps numbers by column. */
function mapped(map, { allowNaN = true } = {}) {
  return (transform, table) => {
    const columns = numbersOf(table, allowNaN);
    const results = columns.map((column, i) => column.map((value) => map(transform, value, i)));
    return numberTable(results, table.names, table.rows);
  };
}

/** A step that needs a certain number of columns. */
const checked = (count, step) => (transform, table) => {
  requireColumns(table, count(transform));
  return step(transform, table);
};

const TRANSFORMS = {
  Binarize: mapped(({ threshold }, x) => Number(x > threshold), { allowNaN: false }),
  Bins: checked(
    ({ edges }) => edges.length,
    mapped(({ edges }, x, i) => edges[i].values.filter((edge) => edge <= x).length, {
      allowNaN: false,
    }),
  ),
  Columns: selected,
  Encode: encoded,
  Impute: imputed,
  Indicators: indicators,
  Limit: mapped(({ low, high }, x) => Math.min(Math.max(x, low), high)),
  MissingFlags: missingFlags,
  Rescale: checked(
    ({ scale }) => scale.values.length,
    mapped(({ scale, offset }, x, i) => x * scale.values[i] + offset.values[i]),
  ),
  Select: ({ places, n_features, allow_nan }, table) => {
    requireColumns(table, n_features);
    const columns = numbersOf(table, allow_nan);
    return numberTable(
      places.map((p) => columns[p]),
      places.map((p) => table.names[p]),
      table.rows,
    );
  },
  SideBySide: ({ branches }, table) => {
    const parts = branches.map((branch) => preprocess(branch, table));
    const names = parts.flatMap((part) => part.names);
    return numberTable(
      parts.flatMap((part) => part.columns),
      names,
      table.rows,
    );
  },
  Standardize: checked(
    ({ scale }) => scale.values.length,
    mapped(({ center, scale }, x, i) => (x - center.values[i]) / scale.values[i]),
  ),
  Weigh: mapped(({ factor }, x) => x * factor),
};

function selected({ places, n_features, names }, table) {
  const found = table.byName && names.length ? placesOf(names, table) : places;
  if (found === places) requireColumns(table, n_features);
  const columns = found.map((place) => table.columns[place]);
  return numberTable(
    columns,
    found.map((place) => table.names[place]),
    table.rows,
  );
}

function placesOf(names, table) {
  const missing = names.filter((name) => !table.names.includes(name));
  if (missing.length) throw new InputError(`The data lacks the columns ${missing.join(", ")}.`);
  return names.map((name) => table.names.indexOf(name));
}

function imputed(transform, table) {
  const ready = readyToImpute(transform, table);
  const columns = transform.places.map((place, i) =>
    Array.from(ready.columns[place], (cell) =>
      isMissing(cell, transform.missing) ? transform.fills[i] : cell,
    ),
  );
  return numberTable(
    columns,
    transform.places.map((place) => ready.names[place]),
    table.rows,
  );
}

function missingFlags(transform, table) {
  const ready = readyToImpute(transform, table);
  const flags = ready.columns.map((column) =>
    Float64Array.from(column, (cell) => Number(isMissing(cell, transform.missing))),
  );
  const other = flags.findIndex((flag, i) => flag.includes(1) && !transform.places.includes(i));
  if (transform.only_there && other >= 0) {
    throw new InputError(
      `Column '${ready.names[other]}' has missing values, but had none when the model was fitted: ` +
        "none may be missing.",
    );
  }
  const { places } = transform;
  return numberTable(
    places.map((p) => flags[p]),
    places.map((p) => ready.names[p]),
    table.rows,
  );
}

function readyToImpute({ missing, n_features, numeric }, table) {
  requireColumns(table, n_features);
  const nanIsMissing = Number.isNaN(missing);
  if (numeric) return numberTable(numbersOf(table, nanIsMissing), table.names, table.rows);
  const bad = nanIsMissing ? -1 : table.columns.findIndex((column) => column.includes(NaN));
  if (bad >= 0) {
    throw new InputError(
      `Column '${table.names[bad]}' lacks a value, but ${JSON.stringify(missing)} stands for missing values.`,
    );
  }
  return table;
}

/** Whether a cell is what stands for a missing value; NaN is equal to itself here. */
const isMissing = (cell, missing) => Object.is(cell, missing) || cell === missing;

function encoded({ books }, table) {
  requireColumns(table, books.length);
  const columns = books.map((book, i) => codesOf(book, table.columns[i], table.names[i]));
  return numberTable(columns, table.names, table.rows);
}

function codesOf(book, column, name) {
  const known = new Map(book.cells.map((cell, i) => [cell, book.codes[i]]));
  return Float64Array.from(column, (cell) =>
    known.has(cell) ? known.get(cell) : unknownCode(book, cell, name),
  );
}

function unknownCode({ cells, unknown }, cell, name) {
  const kinds = new Set(cells.map(kindOf).filter(Boolean));
  const isOfOtherKind = kindOf(cell) && kinds.size && !kinds.has(kindOf(cell));
  if (isOfOtherKind || unknown === null) {
    throw new InputError(
      `Column '${name}' holds ${shown(cell)}, but these are allowed: ${listed(cells)}.`,
    );
  }
  return unknown;
}

/** "number", "string", or null of what is missing. */
const kindOf = (cell) => (cell === null || Number.isNaN(cell) ? null : typeof cell);

const shown = (cell) => (kindOf(cell) === null ? "no value" : JSON.stringify(cell));

function listed(cells) {
  const more = cells.length > 10 ? ` and ${cells.length - 10} more` : "";
  return cells.slice(0, 10).map(shown).join(", ") + more;
}

function indicators({ widths }, table) {
  requireColumns(table, widths.length);
  const codes = numbersOf(table, true);
  const columns = widths.flatMap((width, i) =>
    Array.from({ length: width }, (_, code) => codes[i].map((value) => Number(value === code))),
  );
  return numberTable(columns, undefined, table.rows);
}
