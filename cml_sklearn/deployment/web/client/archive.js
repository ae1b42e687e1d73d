/**
 * Files of plain data, as `cml_sklearn/program/archive.py` writes them: a zip file of NumPy's arrays,
 * and one JSON text for everything around them.
 */

import { viewOf } from "./bytes.js";
import { InputError } from "./errors.js";
import { readZip } from "./zip.js";

const FORMAT = 2;
const MANIFEST = "manifest.npy";

/**
 * @typedef {object} NdArray
 * @property {number[]} shape
 * @property {"float" | "int" | "bool" | "text"} kind
 * @property {Float64Array | string[]} values in C's order; integers are exact
 */

// kinds of values: what a field of a class may hold

const isInt = (value) => Number.isSafeInteger(value);
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const isText = (value) => typeof value === "string";
const isBool = (value) => typeof value === "boolean";
const isNull = (value) => value === null;
const isScalar = (value) => isNumber(value) || isText(value) || isBool(value) || isNull(value);
const isCode = (value) => isNumber(value) || Number.isNaN(value);
const isCell = (value) => isCode(value) || isText(value) || isNull(value);
const listOf = (kind) => (value) => Array.isArray(value) && value.every(kind);
const either =
  (...kinds) =>
  (value) =>
    kinds.some((kind) => kind(value));
const isOf =
  (...names) =>
  (value) =>
    names.includes(value?.class);
const arrayOf =
  (...kinds) =>
  (value) =>
    kinds.includes(value?.kind);
const mappingOf = (kind) => (value) => value instanceof Map && [...value.values()].every(kind);
const oneOf =
  (...allowed) =>
  (value) =>
    allowed.includes(value);

const isInts = arrayOf("int");
const isFloats = (value) => value?.kind === "float" && value.values.every(Number.isFinite);
const isTransform = (value) => TRANSFORMS.includes(value?.class);
const isStep = (value) => STEPS.includes(value?.class);
const isBounds = isOf("Bounds", "Thermometer");

const TRANSFORMS = ["Binarize", "Bins", "Columns", "Encode", "Impute", "Indicators", "Limit"];
TRANSFORMS.push("MissingFlags", "Rescale", "Select", "SideBySide", "Standardize", "Weigh");
const STEPS = ["Affine", "AnomalyScore", "Argmax", "ByOutput", "Clip", "Descent", "Labels"];
STEPS.push("Link", "LogSoftmax", "LogSumExp", "Logarithm", "MeanVote", "Root", "Round", "Shares");
STEPS.push("Softmax", "Squeeze", "Threshold", "TwoClasses", "VoteShares", "Votes", "WeightedMedian");

/** The classes that this client does, and what their fields hold. */
const CLASSES = {
  // preprocessing
  Binarize: { threshold: isNumber },
  Bins: { edges: listOf(isFloats) },
  CodeBook: { cells: listOf(isCell), codes: listOf(isCode), unknown: either(isCode, isNull) },
  Columns: { places: listOf(isInt), n_features: isInt, names: listOf(isText) },
  Encode: { books: listOf(isOf("CodeBook")) },
  Impute: {
    missing: isCell,
    fills: listOf(isCell),
    places: listOf(isInt),
    n_features: isInt,
    numeric: isBool,
  },
  Indicators: { widths: listOf(isInt) },
  Limit: { low: isNumber, high: isNumber },
  Missing: {},
  MissingFlags: {
    missing: isCell,
    places: listOf(isInt),
    n_features: isInt,
    numeric: isBool,
    only_there: isBool,
  },
  Rescale: { scale: isFloats, offset: isFloats },
  Select: { places: listOf(isInt), n_features: isInt, allow_nan: isBool },
  SideBySide: { branches: listOf(listOf(isTransform)) },
  Standardize: { center: isFloats, scale: isFloats },
  Weigh: { factor: isNumber },
  // a module
  AffineQuantizer: { scale: isFloats, zero_point: isInts, n_bits: isInt },
  Bounds: { low: isInts, high: isInts },
  ClearTail: {
    nodes: listOf(() => true),
    constants: () => true,
    inputs: listOf(isText),
    outputs: listOf(isText),
  },
  FieldDecoder: { scale: isFloats, offset: isFloats },
  GridEncoder: { edges: listOf(isFloats), missing: arrayOf("bool"), float32: isBool },
  Instruction: { step: isOf("Take"), inputs: listOf(isInt), source: isText },
  IntegerProgram: {
    input_bounds: listOf(isBounds),
    instructions: listOf(isOf("Instruction")),
    outputs: listOf(isInt),
  },
  OutputScale: { scale: isFloats, zero_point: isInt, offset: isFloats },
  StoredModule: {
    program: isOf("IntegerProgram"),
    encoders: listOf(isOf("AffineQuantizer", "GridEncoder")),
    decoders: listOf(isOf("OutputScale", "FieldDecoder")),
    tail: either(isOf("ClearTail"), isNull),
    postprocessing: mappingOf(listOf(isStep)),
  },
  Take: { positions: isInts },
  Thermometer: { low: isInts, high: isInts, features: isInts },
  // what follows decryption
  Affine: { scale: isNumber, offset: isNumber },
  AnomalyScore: {},
  Argmax: {},
  ByOutput: { sizes: listOf(isInt), steps: listOf(listOf(isStep)), stacked: isBool },
  Clip: { low: either(isNumber, isNull), high: either(isNumber, isNull) },
  Descent: { children: isInts },
  Labels: { classes: either(arrayOf("float", "int", "bool", "text"), listOf(isScalar)) },
  Link: { name: oneOf("log", "logit") },
  LogSoftmax: {},
  LogSumExp: {},
  Logarithm: { of_zero: isNumber },
  MeanVote: { offset: isFloats, otherwise: either(isFloats, isNull) },
  Root: {},
  Round: {},
  Shares: {},
  Softmax: {},
  Squeeze: {},
  Threshold: { level: isNumber, inclusive: isBool },
  TwoClasses: { scale: isNumber, offset: isNumber },
  VoteShares: { otherwise: either(isFloats, isNull) },
  Votes: { n_classes: isInt, confident: isBool },
  WeightedMedian: { weights: isFloats },
  // SEAL's client
  Batches: { largest: isInt, small: isInt, most_small: isInt },
  ClientSpecification: {
    ways: listOf(isOf("Way")),
    outputs: listOf(isBounds),
    batches: isOf("Batches"),
  },
  Digits: { widths: listOf(isInt), bases: listOf(isInt) },
  EncryptionParameters: {
    ring_dimension: isInt,
    prime_bits: listOf(isInt),
    plain_modulus: isInt,
  },
  Layouts: {
    n: isInt,
    n_columns: isInt,
    is_affine: isBool,
    digits: either(isOf("Digits"), isNull),
  },
  Way: { parameters: isOf("EncryptionParameters"), layouts: isOf("Layouts"), least: isInt },
};

/** By class of which there are two versions: fields of the second, from those of the first. */
const SECOND = {
  ClientSpecification: ({ parameters, layouts, ...rest }) => ({
    ...rest,
    ways: [{ class: "Way", version: 1, fields: { parameters, layouts, least: 1 } }],
  }),
  Layouts: (fields) => ({ ...fields, digits: null }),
};

/**
 * Read what a file holds: objects have the name of their class in `class`, missing values are NaN,
 * mappings are `Map`s.
 *
 * @param {Uint8Array} bytes of an ``.npz``
 * @throws {InputError} it is damaged, or holds a class that this client does not do
 */
export async function readArchive(bytes) {
  const members = await readZip(bytes);
  const manifest = members.get(MANIFEST);
  if (!manifest) throw new InputError("A file of the model has no manifest.");
  const text = JSON.parse(readArray(manifest).values[0]);
  if (text.format !== FORMAT) {
    throw new InputError(`A file of the model has format ${text.format}; ${FORMAT} is read.`);
  }
  const arrays = new Map();
  for (const [name, content] of members) {
    if (name !== MANIFEST) arrays.set(name.replace(/\.npy$/, ""), readArray(content));
  }
  return decoded(text.content, arrays);
}

function decoded(value, arrays) {
  if (Array.isArray(value)) return value.map((item) => decoded(item, arrays));
  if (value === null || typeof value !== "object") return value;
  if ("array" in value) return arrays.get(value.array);
  if ("objects" in value) return value.objects;
  if ("mapping" in value) {
    return new Map(Object.entries(value.mapping).map(([key, v]) => [key, decoded(v, arrays)]));
  }
  return built(value, arrays);
}

function built({ class: name, version, fields: stored }, arrays) {
  if (!Object.hasOwn(CLASSES, name)) {
    throw new InputError(
      `The model has a ${name}, which the client in the browser does not do: use the client in Python.`,
    );
  }
  const latest = name in SECOND ? 2 : 1;
  if (version !== latest && version !== 1) {
    throw new InputError(`${name} has version ${version}, but ${latest} is read.`);
  }
  const fields = version === latest ? stored : SECOND[name](stored);
  const kinds = Object.entries(CLASSES[name]);
  const result = { class: name };
  for (const [field, isKind] of kinds) {
    result[field] = decoded(fields[field], arrays);
    if (!isKind(result[field])) throw new InputError(`${name}.${field} makes no sense.`);
  }
  if (Object.keys(fields).length !== kinds.length) {
    throw new InputError(`${name} has other fields than ${Object.keys(CLASSES[name])}.`);
  }
  return name === "Missing" ? NaN : result;
}

const READERS = {
  "<f8": ["float", 8, (view, at) => view.getFloat64(at, true)],
  "<f4": ["float", 4, (view, at) => view.getFloat32(at, true)],
  "<i8": ["int", 8, (view, at) => exact(view.getBigInt64(at, true))],
  "<i4": ["int", 4, (view, at) => view.getInt32(at, true)],
  "|i1": ["int", 1, (view, at) => view.getInt8(at)],
  "|u1": ["int", 1, (view, at) => view.getUint8(at)],
  "|b1": ["bool", 1, (view, at) => view.getUint8(at)],
};

function exact(value) {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new InputError(`The integer ${value} is too large.`);
  return number;
}

/**
 * Read an array of a file of NumPy (``.npy``).
 *
 * @param {Uint8Array} bytes
 * @returns {NdArray}
 */
export function readArray(bytes) {
  const view = viewOf(bytes);
  const magic = String.fromCharCode(...bytes.subarray(1, 6));
  if (magic !== "NUMPY") throw new InputError("An array of the model can't be read.");
  const [length, start] =
    bytes[6] === 1 ? [view.getUint16(8, true), 10] : [view.getUint32(8, true), 12];
  const head = new TextDecoder().decode(bytes.subarray(start, start + length));
  const fields =
    /^\{'descr': '([^']+)', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\), \}\s*$/.exec(
      head,
    );
  if (!fields) throw new InputError(`An array of the model has the head ${head.slice(0, 80)}.`);
  const shape = fields[3]
    .split(",")
    .filter((part) => part.trim())
    .map(Number);
  const size = shape.reduce((product, n) => product * n, 1);
  const content = bytes.subarray(start + length);
  const [kind, values] = fields[1].startsWith("<U")
    ? ["text", texts(content, size, Number(fields[1].slice(2)))]
    : numbers(content, size, fields[1]);
  return { shape, kind, values: fields[2] === "True" ? inRows(values, shape) : values };
}

function numbers(content, size, type) {
  if (!Object.hasOwn(READERS, type) || content.length !== size * READERS[type][1]) {
    throw new InputError(`An array of the model of the type ${type} can't be read.`);
  }
  const [kind, width, read] = READERS[type];
  const view = viewOf(content);
  return [kind, Float64Array.from({ length: size }, (_, i) => read(view, i * width))];
}

function texts(content, size, width) {
  if (content.length !== 4 * size * width) throw new InputError("An array of texts is damaged.");
  const view = viewOf(content);
  return Array.from({ length: size }, (_, i) => {
    const points = Array.from({ length: width }, (_, j) =>
      view.getUint32(4 * (i * width + j), true),
    );
    let text = "";
    for (const point of points) text += String.fromCodePoint(point);
    return text.replace(/\0+$/, "");
  });
}

/** Values in C's order from those in Fortran's. */
function inRows(values, shape) {
  if (shape.length < 2) return values;
  if (shape.length > 2) throw new InputError("An array of the model has more than two axes.");
  const [rows, columns] = shape;
  return values.map((_, i) => values[(i % columns) * rows + Math.floor(i / columns)]);
}
