/** Keys, encryption and decryption with one set of parameters, by node-seal. */

import { InputError } from "./errors.js";
import { checkLayouts, encryptedColumns, layoutOf, rotationSteps } from "./layouts.js";
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
 * How batches of some sizes are encrypted.
 *
 * @typedef {Uint8Array[]} WayKeys the secret key, and the evaluation keys: public, relinearization,
 *   Galois; some may be empty
 */
export class Way {
  /** @param {object} stored `Way` of the archive */
  constructor({ parameters, layouts, least }) {
    checkLayouts(layouts);
    this.parameters = parameters;
    this.layouts = layouts;
    this.least = least;
    const { ring_dimension, prime_bits, plain_modulus } = parameters;
    if (ring_dimension !== layouts.n || ring_dimension > MAX_RING) {
      throw new InputError(`The model has a ring of ${ring_dimension}, which makes no sense.`);
    }
    const primes = prime_bits.join("-");
    this.keyName = `seal ${ring_dimension} ${primes} ${plain_modulus} ${kindOf(layouts)}`;
  }

  /**
   * Make new keys.
   *
   * @returns {Promise<WayKeys>}
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
    const isAffine = this.layouts.is_affine;
    const steps = Int32Array.from(rotationSteps(this.layouts));
    const keys = [
      await saved(generator.secretKey(), "plaintext"),
      await saved(generator.createPublicKeySerializable(), "ciphertext"),
      isAffine ? new Uint8Array() : await saved(generator.createRelinKeysSerializable(), "keys"),
      steps.length
        ? await saved(generator.createGaloisKeysSerializableWithSteps(steps), "keys")
        : new Uint8Array(),
    ];
    generator.delete();
    return keys;
  }

  /**
   * Read keys, of this client or of another one of equal parameters.
   *
   * @param {WayKeys} keys
   * @returns {Promise<{encryptor: object, decryptor: object}>}
   * @throws {InputError} they are no keys of these parameters
   */
  async read([secret, public_]) {
    const scheme = await this.#scheme();
    const { seal, context } = scheme;
    const limit = 8 * this.parameters.ring_dimension * this.parameters.prime_bits.length + SLACK;
    const key = new seal.SecretKey();
    const publicKey = new seal.PublicKey();
    await loaded(scheme, key, await fromWire(secret, "plaintext", limit), "A secret key");
    await loaded(
      scheme,
      publicKey,
      await fromWire(public_, "ciphertext", 2 * limit),
      "A public key",
    );
    return {
      encryptor: new seal.Encryptor(context, publicKey, key),
      decryptor: new seal.Decryptor(context, key),
    };
  }

  /**
   * Encrypt one batch.
   *
   * @param {object} encryptor of `read`
   * @param {Float64Array[]} columns integers that the encoder made
   * @param {number} samples
   * @returns {Promise<Uint8Array[]>} ciphertexts
   */
  async encrypt(encryptor, columns, samples) {
    const scheme = await this.#scheme();
    const layout = layoutOf(this.layouts, samples);
    const parts = [];
    for (const values of layout.pack(encryptedColumns(this.layouts, columns))) {
      const plain = await this.#encoded(scheme, layout, values);
      const native = encryptor.encryptSymmetricSerializable(plain);
      parts.push(await toWire(native.saveToArray(scheme.seal.ComprModeType.none), "ciphertext"));
      native.delete();
      plain.delete();
    }
    return parts;
  }

  /**
   * Decrypt an output of one batch.
   *
   * @param {object} decryptor of `read`
   * @param {Uint8Array} bytes
   * @param {number} samples
   * @returns {Promise<number[]>} integers modulo the plain modulus, one a sample
   * @throws {InputError} it is no ciphertext that a server answers with
   */
  async decrypt(decryptor, bytes, samples) {
    const layout = layoutOf(this.layouts, samples);
    const places = layout.results(samples);
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
      inWords(() => decryptor.decrypt(ciphertext, plain), "A ciphertext can't be decrypted");
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

/** What the server may do with the keys. */
function kindOf({ is_affine, digits }) {
  if (digits) return "digits";
  return is_affine ? "affine" : "products";
}

export const modulo = (value, t) => ((value % t) + t) % t;

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
