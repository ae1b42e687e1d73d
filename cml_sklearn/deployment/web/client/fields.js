/** What a form needs to know of the columns that a model takes. */

import { genericNames } from "./table.js";

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {Array<number | string> | null} categories those that are known, of a column of categories
 * @property {number | null} low
 * @property {number | null} high ends of the range that is told apart, in the user's units
 * @property {boolean} mayMiss whether a value may be missing
 * @property {boolean} isUsed whether the model looks at the column
 */

/** A column on its way: of which one of the user's, and as which affine function of it. */
const startOf = (source) => ({ source, scale: 1, offset: 0 });
const UNKNOWN = { source: null, scale: 1, offset: 0 };

/**
 * Follow the user's columns to the encoder.
 *
 * @param {string[]} features names; empty where columns have none
 * @param {object[]} transforms
 * @param {object} encoder
 * @param {number} width features of the encoder
 * @returns {Field[]}
 */
export function fieldsOf(features, transforms, encoder, width) {
  const names = features.length ? features : genericNames(countOf(transforms) ?? width);
  const fields = names.map((name) => ({
    name,
    categories: null,
    low: null,
    high: null,
    mayMiss: false,
    isUsed: false,
  }));
  const starts = names.map((_, i) => startOf(i));
  const ends = followed(transforms, starts, fields);
  ends.forEach((column, i) => noteRange(fields, column, encoder, i));
  return fields;
}

/** Columns of data without names. */
function countOf(transforms) {
  for (const transform of transforms) {
    if (transform.class === "Columns") return transform.n_features;
    if (transform.class === "SideBySide") {
      const counts = transform.branches.map(countOf).filter(Boolean);
      if (counts.length) return counts[0];
    }
  }
  return null;
}

const followed = (transforms, columns, fields) =>
  transforms.reduce(
    (before, transform) => FOLLOW[transform.class](transform, before, fields),
    columns,
  );

function use(columns, fields) {
  for (const { source } of columns) if (source !== null) fields[source].isUsed = true;
}

/** Columns after a step that has no inverse: they are used, but have no range. */
function ended(_, columns, fields) {
  use(columns, fields);
  return columns.map(() => UNKNOWN);
}

const affine = (scaleOf) => (transform, columns) =>
  columns.map((column, i) => {
    const [scale, offset] = scaleOf(transform, i);
    return { ...column, scale: column.scale * scale, offset: column.offset * scale + offset };
  });

const FOLLOW = {
  Binarize: ended,
  Bins: ended,
  Columns: ({ places, names }, columns, fields) =>
    places.map((place, i) => {
      const named = names.length ? fields.findIndex((field) => field.name === names[i]) : -1;
      return columns[named >= 0 ? named : place] ?? UNKNOWN;
    }),
  Encode: ({ books }, columns, fields) => {
    columns.forEach(({ source }, i) => {
      if (source === null) return;
      const cells = books[i].cells.filter((cell) => cell !== null && !Number.isNaN(cell));
      fields[source].categories = cells;
      fields[source].mayMiss ||= books[i].cells.includes(NaN);
    });
    return ended(books, columns, fields);
  },
  Impute: ({ missing, places }, columns, fields) => {
    for (const { source } of columns) {
      if (source !== null && Number.isNaN(missing)) fields[source].mayMiss = true;
    }
    return places.map((place) => columns[place]);
  },
  Indicators: ({ widths }, columns, fields) => {
    use(columns, fields);
    return widths.flatMap((width) => Array(width).fill(UNKNOWN));
  },
  Limit: (_, columns) => columns,
  MissingFlags: ({ places }, columns, fields) => {
    use(columns, fields);
    return places.map(() => UNKNOWN);
  },
  Rescale: affine(({ scale, offset }, i) => [scale.values[i], offset.values[i]]),
  Select: ({ places }, columns) => places.map((place) => columns[place]),
  SideBySide: ({ branches }, columns, fields) =>
    branches.flatMap((branch) => followed(branch, columns, fields)),
  Standardize: affine(({ center, scale }, i) => [
    1 / scale.values[i],
    -center.values[i] / scale.values[i],
  ]),
  Weigh: affine(({ factor }) => [factor, 0]),
};

function noteRange(fields, { source, scale, offset }, encoder, place) {
  if (source === null) return;
  const field = fields[source];
  field.isUsed = true;
  const isGrid = encoder.class === "GridEncoder";
  if (isGrid && encoder.missing.values[place]) field.mayMiss = true;
  const ends = isGrid ? gridEnds(encoder, place) : affineEnds(encoder, place);
  if (!ends || !scale) return;
  const [low, high] = ends.map((end) => (end - offset) / scale).sort((a, b) => a - b);
  field.low = Math.min(low, field.low ?? low);
  field.high = Math.max(high, field.high ?? high);
}

function gridEnds({ edges }, place) {
  const { values } = edges[place];
  return values.length ? [values[0], values.at(-1)] : null;
}

function affineEnds({ scale, zero_point, n_bits }, place) {
  const [step, zero] = [scale, zero_point].map(
    ({ values }) => values[values.length > 1 ? place : 0],
  );
  return [-zero * step, (2 ** n_bits - 1 - zero) * step];
}
