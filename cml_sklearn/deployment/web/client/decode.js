/** From the integers that come back to labels and values. */

import { rint } from "./encode.js";
import { InputError } from "./errors.js";

/**
 * Floats of decrypted integers.
 *
 * @param {object} decoder OutputScale or FieldDecoder
 * @param {number[][]} rows integers, one row a sample
 * @returns {number[][]}
 */
export function dequantize(decoder, rows) {
  const scale = decoder.scale.values;
  const offset = decoder.offset.values;
  if (decoder.class === "OutputScale") {
    const at = (values, i) => values[values.length > 1 ? i : 0];
    return rows.map((row) =>
      row.map((q, i) => at(scale, i) * (q - decoder.zero_point) + at(offset, i)),
    );
  }
  return rows.map((row) =>
    Array.from(offset, (start, i) => {
      const sum = row.reduce((total, q, field) => total + q * scale[field * offset.length + i], 0);
      return sum + start;
    }),
  );
}

/**
 * Take raw scores through all steps of a method.
 *
 * @param {object[]} steps
 * @param {number[][]} scores one row a sample
 * @returns {Array} a number, text or row for each sample
 */
export const postprocess = (steps, scores) =>
  steps.reduce((values, step) => STEPS[step.class](step, values), scores);

/** A function of numbers, of all of a row or of a lone one. */
const each = (map) => (step, values) =>
  values.map((value) => (Array.isArray(value) ? value.map((x) => map(step, x)) : map(step, value)));

/** A function of rows. */
const byRow = (map) => (step, values) => values.map((row) => map(step, row));

const INVERSES = { log: Math.exp, logit: (x) => 1 / (1 + Math.exp(-x)) };

const STEPS = {
  Affine: each(({ scale, offset }, x) => scale * x + offset),
  AnomalyScore: each((_, x) => -(2 ** -x)),
  Argmax: byRow((_, row) => row.indexOf(Math.max(...row))),
  ByOutput: byOutput,
  Clip: each(({ low, high }, x) => Math.min(Math.max(x, low ?? -Infinity), high ?? Infinity)),
  Descent: byRow(({ children }, row) => descended(children.values, row)),
  Labels: each(({ classes }, place) => labelOf(classes, place)),
  Link: each(({ name }, x) => INVERSES[name](x)),
  LogSoftmax: byRow((_, row) => {
    const total = logSumExp(row);
    return row.map((x) => x - total);
  }),
  LogSumExp: byRow((_, row) => logSumExp(row)),
  Logarithm: each(({ of_zero }, x) => Math.log(x === 0 ? of_zero : x)),
  MeanVote: byRow(meanVote),
  Root: each((_, x) => Math.sqrt(Math.max(x, 0))),
  Round: each((_, x) => rint(x)),
  Shares: byRow((_, row) => shares(sum(row) === 0 ? row.map(() => 1) : row)),
  Softmax: byRow((_, row) => shares(row.map((x) => Math.exp(x - Math.max(...row))))),
  Squeeze: (_, values) => squeezed(values),
  Threshold: each(({ level, inclusive }, x) => Number(inclusive ? x >= level : x > level)),
  TwoClasses: ({ scale, offset }, values) =>
    squeezed(values).map((x) => (Array.isArray(x) ? x : [scale * x + offset, x])),
  VoteShares: byRow(voteShares),
  Votes: byRow(votesOf),
  WeightedMedian: byRow(weightedMedian),
};

const sum = (row) => row.reduce((total, x) => total + x, 0);

function shares(row) {
  const total = sum(row);
  return Array.from(row, (x) => x / total);
}

function logSumExp(row) {
  const greatest = Math.max(...row);
  return greatest + Math.log(sum(row.map((x) => Math.exp(x - greatest))));
}

/** Result at the end of a way down a tree: children are later nodes, or complements of results. */
function descended(children, row) {
  if (children.length !== 2 * row.length)
    throw new InputError(`${row.length} scores are not those of a tree.`);
  let node = 0;
  while (node >= 0) {
    const child = children[2 * node + Number(row[node] > 0)];
    if ((child >= 0 && child <= node) || child >= row.length)
      throw new InputError("A child in a tree is no later node.");
    node = child;
  }
  return ~node;
}

/** Votes for classes by scores of all pairs of them; scores of exactly 0 are the second's. */
function votesOf({ n_classes: size, confident }, row) {
  if (row.length !== (size * (size - 1)) / 2)
    throw new InputError(`${row.length} scores are not those of pairs of ${size} classes.`);
  const votes = Array(size).fill(0);
  const scores = Array(size).fill(0);
  let pair = 0;
  for (let first = 0; first < size; first++) {
    for (let second = first + 1; second < size; second++) {
      const score = row[pair++];
      votes[(confident ? score >= 0 : score > 0) ? first : second]++;
      scores[first] += score;
      scores[second] -= score;
    }
  }
  return confident ? votes.map((n, i) => n + scores[i] / (3 * (Math.abs(scores[i]) + 1))) : votes;
}

/** Means of votes, whose number stands in the last column. */
function meanVote({ offset, otherwise }, row) {
  const count = row.at(-1);
  const alone = (i) => otherwise?.values[i] ?? NaN;
  return Array.from(offset.values, (start, i) => (count > 0 ? row[i] / count + start : alone(i)));
}

/** Shares of votes; nobody's may be refused. */
function voteShares({ otherwise }, row) {
  if (sum(row) !== 0) return shares(row);
  if (!otherwise) throw new InputError("A sample has no sample of training within the radius.");
  return shares(otherwise.values);
}

const squeezed = (values) => values.map((x) => (Array.isArray(x) && x.length === 1 ? x[0] : x));

/** Label of a number; a model of one class has a second number, but no second label. */
function labelOf(classes, number) {
  const labels = classes.kind ? classes.values : classes;
  const place = Math.min(Math.max(number, 0), labels.length - 1);
  if (!Number.isInteger(place)) throw new InputError(`There is no label of the number ${number}.`);
  return classes.kind === "bool" ? Boolean(labels[place]) : labels[place];
}

function byOutput({ sizes, steps }, values) {
  let start = 0;
  const results = sizes.map((size, i) => {
    const part = values.map((row) => row.slice(start, start + size));
    start += size;
    return postprocess(steps[i], part);
  });
  return values.map((_, row) => results.map((result) => result[row]));
}

function weightedMedian({ weights }, row) {
  const order = row.map((_, i) => i).sort((a, b) => row[a] - row[b] || a - b);
  const mass = [];
  for (const i of order) mass.push((mass.at(-1) ?? 0) + weights.values[i]);
  return row[order[mass.findIndex((m) => m >= 0.5 * mass.at(-1))]];
}
