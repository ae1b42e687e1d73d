/** SEAL's client: keys, encryption and decryption, by node-seal. */

import { sha256 } from "./bytes.js";
import { InputError } from "./errors.js";
import { batchSizes, checkLayouts, layoutOf, rotationSteps } from "./layouts.js";
import { coefficientsOf, fromWire, plaintextOf, toWire } from "./sealfiles.js";
import initialize from "../vendor/node-seal/index_throws.js";

/** Bytes around the numbers of an object. */
const SLACK = 4096;
const MAX_RING = 32_768;

let library = null;

/** node-seal, loaded once; what failed is tried again. */
function loadSeal() {
  library ??= initialize().catch((error) => {
    library = null;
    throw new InputError(
      `SEAL can't be loaded (${error.message}). Is the service there? And is the browser of 2025 or later?`,
    );
  });
  return library;
}

/**
 * The client's half of a circuit.
 *
 * @typedef {Uint8Array[]} Secret the secret key, and the evaluation keys: public, relinearization,
 *   Galois; some may be empty
 */
export class SealClient {
  /** @param {object} specification ClientSpecification of the archive */
  constructor(specification) {
    checkLayouts(specification.layouts);
    this.specification = specification;
    this.parameters = specification.parameters;
    const { ring_dimension, prime_bits, plain_modulus } = this.parameters;
    if (ring_dimension !== specification.layouts.n || ring_dimension > MAX_RING) {
      throw new InputError(`The model has a ring of ${ring_dimension}, which makes no sense.`);
    }
    const kind = specification.layouts.is_affine ? "affine" : "products";
    this.keyName = `seal ${ring_dimension} ${prime_bits.join("-")} ${plain_modulus} ${kind}`;
    this.secret = null;
  }

  /**
   * Make new keys.
   *
   * @returns {Promise<Secret>}
   */
  async generate() {
    const { seal, context } = await this.#scheme();
    const none = seal.ComprModeType.none;
    const generator = new seal.KeyGenerator(context);
    const saved = async (native, kind) => {
      const bytes = await toWire(native.saveToArray(none), kind);
      native.delete();
      return bytes;
    };
    const isAffine = this.specification.layouts.is_affine;
    const steps = Int32Array.from(rotationSteps(this.specification.layouts));
    const secret = [
      await saved(generator.secretKey(), "plaintext"),
      await saved(generator.createPublicKeySerializable(), "ciphertext"),
      isAffine ? new Uint8Array() : await saved(generator.createRelinKeysSerializable(), "keys"),
      steps.length
        ? await saved(generator.createGaloisKeysSerializableWithSteps(steps), "keys")
        : new Uint8Array(),
    ];
    generator.delete();
    return secret;
  }

  /**
   * Take keys, of this client or of another one of equal parameters.
   *
   * @param {Secret} secret
   * @throws {InputError} they are no keys of these parameters
   */
  async use(secret) {
    if (secret.length !== 4) throw new InputError("Keys of SEAL have four parts.");
    const scheme = await this.#scheme();
    const { seal, context } = scheme;
    const limit = 8 * this.parameters.ring_dimension * this.parameters.prime_bits.length + SLACK;
    const key = new seal.SecretKey();
    const publicKey = new seal.PublicKey();
    await loaded(scheme, key, await fromWire(secret[0], "plaintext", limit), "A secret key");
    await loaded(
      scheme,
      publicKey,
      await fromWire(secret[1], "ciphertext", 2 * limit),
      "A public key",
    );
    this.encryptor = new seal.Encryptor(context, publicKey, key);
    this.decryptor = new seal.Decryptor(context, key);
    this.tag = (await sha256(secret[1])).slice(0, 16);
    this.secret = secret;
  }

  /** Evaluation keys for the wire. */
  get evaluationKeys() {
    return this.secret.slice(1);
  }

  /** Sizes of the batches that take the least time. */
  batchSizes(samples) {
    return batchSizes(this.specification.batches, samples);
  }

  /**
   * Encrypt one batch.
   *
   * @param {Float64Array[]} columns integers
   * @param {number} samples
   * @returns {Promise<Uint8Array[]>} the mark of the keys, and ciphertexts
   */
  async encrypt(columns, samples) {
    const { layouts } = this.specification;
    if (columns.length !== layouts.n_columns) {
      throw new InputError(
        `${columns.length} columns came; the circuit takes ${layouts.n_columns}.`,
      );
    }
    const scheme = await this.#scheme();
    const layout = layoutOf(layouts, samples);
    const parts = [this.tag];
    for (const values of layout.pack(columns)) {
      const plain = await this.#encoded(scheme, layout, values);
      const native = this.encryptor.encryptSymmetricSerializable(plain);
      parts.push(await toWire(native.saveToArray(scheme.seal.ComprModeType.none), "ciphertext"));
      native.delete();
      plain.delete();
    }
    return parts;
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
    const layout = layoutOf(this.specification.layouts, samples);
    if (!tag || String(tag) !== String(this.tag)) {
      throw new InputError(
        "The answer was made with other keys; decrypt with those that encrypted.",
      );
    }
    const bounds = this.specification.outputs.flatMap(({ low, high }) =>
      Array.from(low.values, (least, i) => [least, high.values[i]]),
    );
    if (values.length !== bounds.length) {
      throw new InputError(
        `An answer has ${values.length} ciphertexts; the circuit gives ${bounds.length}.`,
      );
    }
    const columns = [];
    for (const [i, value] of values.entries()) {
      const integers = await this.#decrypted(value, layout, layout.results(samples));
      columns.push(integers.map((integer) => this.#inRange(integer, ...bounds[i])));
    }
    return Array.from({ length: samples }, (_, row) => columns.map((column) => column[row]));
  }

  async #decrypted(bytes, layout, places) {
    const scheme = await this.#scheme();
    const { seal } = scheme;
    const ciphertext = new seal.Ciphertext();
    const plain = new seal.Plaintext();
    try {
      const limit = 16 * this.parameters.ring_dimension + SLACK;
      await loaded(scheme, ciphertext, await fromWire(bytes, "ciphertext", limit), "A ciphertext");
      const isSound =
        ciphertext.size() === 2 && ciphertext.coeffModulusSize() === 1 && !ciphertext.isNttForm();
      if (!isSound) throw new InputError("A ciphertext has another size, level or form.");
      inWords(() => this.decryptor.decrypt(ciphertext, plain), "A ciphertext can't be decrypted");
      if (layout.isSlots) {
        const slots = scheme.encoder.decodeBigUint64(plain);
        return places.map((place) => Number(slots[place]));
      }
      return places.map(coefficientsOf(plain.saveToArray(seal.ComprModeType.none)));
    } finally {
      ciphertext.delete();
      plain.delete();
    }
  }

  /** The integer within a range that is the same modulo the plain modulus. */
  #inRange(value, low, high) {
    const found = low + modulo(value - low, this.parameters.plain_modulus);
    if (found > high) {
      throw new InputError(
        "An answer decrypts to integers outside the model's range: it was tampered with. Don't tell " +
          "the server that it was; ask again over a line that you trust.",
      );
    }
    return found;
  }

  async #encoded({ seal, context, encoder }, layout, values) {
    const t = this.parameters.plain_modulus;
    const integers = values.map((value) => modulo(value, t));
    const plain = new seal.Plaintext();
    if (layout.isSlots) encoder.encode(BigUint64Array.from(integers, BigInt), plain);
    else plain.loadFromArray(context, plaintextOf(trimmed(integers)));
    return plain;
  }

  async #scheme() {
    this.scheme ??= await loadSeal().then((seal) => schemeOf(seal, this.parameters));
    return this.scheme;
  }
}

const modulo = (value, t) => ((value % t) + t) % t;

/** Values without the zeros at the end. */
const trimmed = (values) => values.subarray(0, values.findLastIndex((value) => value !== 0) + 1);

function schemeOf(seal, { ring_dimension, prime_bits, plain_modulus }) {
  return inWords(() => {
    const native = new seal.EncryptionParameters(seal.SchemeType.bfv);
    native.setPolyModulusDegree(ring_dimension);
    native.setCoeffModulus(seal.CoeffModulus.Create(ring_dimension, Int32Array.from(prime_bits)));
    native.setPlainModulus(new seal.Modulus(BigInt(plain_modulus)));
    const context = new seal.SEALContext(native, true, seal.SecLevelType.tc128);
    if (!context.parametersSet()) throw new Error("they are not 128 bits secure");
    return { seal, context, encoder: new seal.BatchEncoder(context) };
  }, "SEAL refuses the model's parameters");
}

async function loaded({ context }, native, bytes, what) {
  inWords(() => native.loadFromArray(context, bytes), `${what} can't be read`);
}

/** Do something with SEAL, whose errors become ours. */
function inWords(action, what) {
  try {
    return action();
  } catch (error) {
    const reason = Array.isArray(error.message) ? error.message.at(-1) : error.message;
    throw new InputError(`${what}: ${reason}.`);
  }
}
