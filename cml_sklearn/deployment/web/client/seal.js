/** SEAL's client: the client's half of a circuit. */

import { joined, sha256 } from "./bytes.js";
import { InputError } from "./errors.js";
import { batchSizes } from "./layouts.js";
import { modulo, Way } from "./way.js";

const KEY_PARTS = 4;

/**
 * The client's half of a circuit.
 *
 * @typedef {Uint8Array[]} Secret keys of all ways, one after the other: see `WayKeys`
 */
export class SealClient {
  /** @param {object} specification ClientSpecification of the archive */
  constructor({ ways, outputs, batches }) {
    checkOrder(ways);
    this.ways = ways.map((way) => new Way(way));
    this.outputs = outputs;
    this.batches = batches;
    this.keyName = this.ways.map((way) => way.keyName).join(", ");
    this.secret = null;
  }

  /** Whether no ciphertexts are multiplied, which takes a server far less time. */
  get isAffine() {
    return this.ways[0].layouts.is_affine;
  }

  /**
   * Make new keys.
   *
   * @returns {Promise<Secret>}
   */
  async generate() {
    const secret = [];
    for (const way of this.ways) secret.push(...(await way.generate()));
    return secret;
  }

  /**
   * Take keys, of this client or of another one of equal parameters.
   *
   * @param {Secret} secret
   * @throws {InputError} they are no keys of these parameters
   */
  async use(secret) {
    const wanted = KEY_PARTS * this.ways.length;
    if (secret.length !== wanted) {
      throw new InputError(`Keys came in ${secret.length} parts; the circuit's have ${wanted}.`);
    }
    const groups = this.ways.map((_, i) => secret.slice(i * KEY_PARTS, (i + 1) * KEY_PARTS));
    const keys = [];
    for (const [i, way] of this.ways.entries()) keys.push(await way.read(groups[i]));
    this.tag = (await sha256(joined(groups.map(([, public_]) => public_)))).slice(0, 16);
    this.keys = keys;
    this.secret = secret;
  }

  /** Evaluation keys for the wire: all but the secret ones. */
  get evaluationKeys() {
    return this.secret.filter((_, i) => i % KEY_PARTS);
  }

  /** Sizes of the batches that take the least time. */
  batchSizes(samples) {
    return batchSizes(this.batches, samples);
  }

  /**
   * The way that a batch goes, by its size alone: as the server knows it.
   *
   * @param {number} samples
   * @returns {number}
   */
  wayOf(samples) {
    return Math.max(
      this.ways.findLastIndex((way) => way.least <= samples),
      0,
    );
  }

  /**
   * Encrypt one batch.
   *
   * @param {Float64Array[]} columns integers that the encoder made
   * @param {number} samples
   * @returns {Promise<Uint8Array[]>} the mark of the keys, and ciphertexts
   */
  async encrypt(columns, samples) {
    const number = this.wayOf(samples);
    const { encryptor } = this.keys[number];
    return [this.tag, ...(await this.ways[number].encrypt(encryptor, columns, samples))];
  }

  /**
   * Decrypt one batch.
   *
   * @param {Uint8Array[]} parts
   * @param {number} samples
   * @returns {Promise<number[][]>} integers of the outputs, one row a sample
   * @throws {InputError} it is no answer of this circuit, was made with other keys, or decrypts to
   *   integers that the model can't give
   */
  async decrypt(parts, samples) {
    const [tag, ...values] = parts;
    if (!tag || String(tag) !== String(this.tag)) {
      throw new InputError(
        "The answer was made with other keys; decrypt with those that encrypted.",
      );
    }
    const bounds = this.outputs.flatMap(({ low, high }) =>
      Array.from(low.values, (least, i) => [least, high.values[i]]),
    );
    if (values.length !== bounds.length) {
      throw new InputError(
        `An answer has ${values.length} ciphertexts; the circuit gives ${bounds.length}.`,
      );
    }
    const number = this.wayOf(samples);
    const [way, { decryptor }] = [this.ways[number], this.keys[number]];
    const t = way.parameters.plain_modulus;
    const columns = [];
    for (const [i, value] of values.entries()) {
      const integers = await way.decrypt(decryptor, value, samples);
      columns.push(integers.map((integer) => inRange(integer, ...bounds[i], t)));
    }
    return Array.from({ length: samples }, (_, row) => columns.map((column) => column[row]));
  }
}

/** Refuse ways that a number of samples doesn't tell apart. */
function checkOrder(ways) {
  const least = ways.map((way) => way.least);
  const isSound =
    least[0] === 1 &&
    least.every((number, i) => i === 0 || number > least[i - 1]) &&
    ways.every((way) => way.layouts.n === ways[0].layouts.n);
  if (!isSound) throw new InputError(`Batches can't be parted at ${least} samples.`);
}

/** The integer within a range that is the same modulo the plain modulus. */
function inRange(value, low, high, t) {
  const found = low + modulo(value - low, t);
  if (found > high) {
    throw new InputError(
      "An answer decrypts to integers outside the model's range: it was tampered with. Don't tell " +
        "the server that it was; ask again over a line that you trust.",
    );
  }
  return found;
}
