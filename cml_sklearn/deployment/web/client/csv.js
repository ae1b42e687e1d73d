/** CSV files: reading rows of the columns that a model takes, and writing results. */

import { InputError } from "./errors.js";

/** What stands for a missing value, as pandas has it. */
const MISSING = new Set(
  "|#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan|null".split(
    "|",
  ),
);

/**
 * Cells of a CSV file, line by line (RFC 4180).
 *
 * @param {string} text
 * @returns {string[][]}
 */
export function parseCsv(text) {
  const pattern = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n|\n|\r|$)/y;
  const source = text.replace(/^\uFEFF/, "");
  const lines = [[]];
  while (pattern.lastIndex < source.length) {
    const place = pattern.lastIndex;
    const match = pattern.exec(source);
    if (!match)
      throw new InputError(
        `Line ${lines.length} of the file can't be read as CSV: a quote is left open.`,
      );
    const [, cell, end] = match;
    lines.at(-1).push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell);
    if (end && end !== ",") lines.push([]);
    if (end === "," && pattern.lastIndex === source.length) lines.at(-1).push("");
    if (pattern.lastIndex === place) break;
  }
  while (lines.length && !lines.at(-1).some(Boolean)) lines.pop();
  return lines;
}

/**
 * Rows of the columns that a model takes, as texts; an empty line is a row of missing values.
 *
 * @param {string} text with a line of names
 * @param {import("./fields.js").Field[]} fields
 * @returns {string[][]} one text a field
 * @throws {InputError} columns or rows are missing, or a line has too many cells
 */
export function rowsOf(text, fields) {
  const [names, ...lines] = parseCsv(text);
  if (!names) throw new InputError("The file is empty.");
  const places = fields.map(({ name }) => names.indexOf(name));
  const missing = fields.filter((_, i) => places[i] < 0).map(({ name }) => name);
  if (missing.length) throw new InputError(`The file lacks the columns ${missing.join(", ")}.`);
  if (!lines.length) throw new InputError("The file has no rows.");
  const long = lines.findIndex((line) => line.length > names.length);
  if (long >= 0) throw new InputError(`Line ${long + 2} has more cells than there are names.`);
  return lines.map((line) => places.map((place) => line[place] ?? ""));
}

/**
 * What the client encrypts, of texts.
 *
 * @param {string[][]} rows one text a field
 * @param {import("./fields.js").Field[]} fields
 * @returns {{names: string[], columns: Array<Array<number | string>>}}
 * @throws {InputError} a text is no number where one is needed
 */
export function valuesOf(rows, fields) {
  const columns = fields.map((field, i) => rows.map((row, at) => valueOf(row[i], field, at)));
  return { names: fields.map(({ name }) => name), columns };
}

/** Value of a text; numbers where the column's categories are none. */
function valueOf(text, field, row) {
  const isText = field.categories?.some((cell) => typeof cell === "string");
  const trimmed = isText ? text : text.trim();
  if (MISSING.has(trimmed)) return NaN;
  if (isText) return text;
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed) ? Number(trimmed) : NaN;
  if (!Number.isFinite(value) && field.isUsed) {
    throw new InputError(
      `Column '${field.name}' holds '${text}' in row ${row + 1}, which is no number.`,
    );
  }
  return value;
}

/**
 * @param {string[]} names
 * @param {Array<Array<unknown>>} rows
 * @returns {string}
 */
export const writeCsv = (names, rows) =>
  [names, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";

function quoted(cell) {
  const text = String(cell ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
