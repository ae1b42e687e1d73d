/** The half of who owns the data: encodes, encrypts, decrypts and decodes. */

import { readArchive } from "./archive.js";
import { joined } from "./bytes.js";
import { dequantize, postprocess } from "./decode.js";
import { quantize } from "./encode.js";
import { InputError } from "./errors.js";
import { fieldsOf } from "./fields.js";
import { readMessages, writeMessage } from "./messages.js";
import { preprocess } from "./preprocess.js";
import { SealClient } from "./seal.js";
import { asTable, numbersOf } from "./table.js";
import { readZip } from "./zip.js";

const FORMAT = 1;
const ENGINE = "seal";

/** @typedef {Map<string, import("./seal.js").Secret>} KeyRing keys by the parameters that they are for */

/**
 * The client's half of a model.
 *
 *     const client = await FheClient.open(bytesOfClientZip);
 *     await client.generateKeys();
 *     const sent = await client.encrypt([[5.1, 3.5, 1.4, 0.2]]);
 *     // ... the server runs it ...
 *     const labels = await client.decrypt(answer);
 */
export class FheClient {
  /**
   * Read ``client.zip``.
   *
   * @param {Uint8Array} bytes
   * @returns {Promise<FheClient>}
   * @throws {InputError} it is damaged, of the other half, or of a model that is not done here
   */
  static async open(bytes) {
    try {
      return await FheClient.#read(bytes);
    } catch (error) {
      if (error instanceof InputError) throw error;
      throw new InputError(`The file is damaged (${error.message}); give a client.zip.`);
    }
  }

  static async #read(bytes) {
    const files = await readZip(bytes);
    const card = readCard(files.get("card.json"));
    const transforms = await readArchive(fileOf(files, "preprocessing.npz"));
    const modules = [];
    for (const number of card.engines.keys()) {
      const stored = await readArchive(fileOf(files, `module${number}/module.npz`));
      const half = await readArchive(fileOf(files, `module${number}/half.npz`));
      modules.push(new Module(stored, half, card.keys[number]));
    }
    return new FheClient(card, transforms, modules);
  }

  constructor(card, transforms, modules) {
    this.card = card;
    this.transforms = transforms;
    this.modules = modules;
  }

  /** What can be decrypted: "predict", "predict_proba", ... */
  get methods() {
    return Object.keys(this.card.modules);
  }

  /** Columns that the model takes: see `fieldsOf`. */
  get fields() {
    const [{ encoder }] = this.modules;
    return fieldsOf(this.card.features, this.transforms, encoder, this.modules[0].width);
  }

  /** Whether keys are there. */
  get hasKeys() {
    return this.modules.every((module) => module.client.secret);
  }

  /** Names of the parameters that keys must be for. */
  get keyNames() {
    return [...new Set(this.card.keys)];
  }

  /** Make the keys, unless they are there; modules of equal parameters share them. */
  async generateKeys() {
    if (this.hasKeys) return;
    const ring = new Map();
    for (const { client } of this.modules) {
      if (!ring.has(client.keyName)) ring.set(client.keyName, await client.generate());
    }
    await this.useKeys(ring);
  }

  /**
   * Take keys.
   *
   * @param {KeyRing} ring
   * @throws {InputError} there are none for this model
   */
  async useKeys(ring) {
    const missing = this.keyNames.find((name) => !ring.has(name));
    if (missing) {
      throw new InputError(
        `The keys are for other parameters (${[...ring.keys()].join(", ")}); this model needs ` +
          `${missing}. Make keys for it.`,
      );
    }
    for (const { client } of this.modules) await client.use(ring.get(client.keyName));
  }

  /** @returns {KeyRing} with the secret keys: for the client's own safe only */
  get keys() {
    return new Map(this.modules.map(({ client }) => [client.keyName, client.secret]));
  }

  /** What the server needs to compute; nothing can be decrypted with it. */
  get evaluationKeys() {
    const messages = this.keyNames.map((name) => {
      const { client } = this.modules.find((module) => module.client.keyName === name);
      const about = {
        kind: "keys",
        engine: ENGINE,
        target: name,
        module: 0,
        n_samples: 0,
        n_rows: 0,
      };
      return writeMessage({ ...about, parts: client.evaluationKeys });
    });
    return joined(messages);
  }

  /**
   * Encode samples as the integers that are encrypted.
   *
   * @param {object} data see `asTable`
   * @param {string} [method]
   * @returns {Float64Array[]} columns
   */
  encode(data, method = "predict") {
    const { encoder, width } = this.modules[this.#number(method)];
    const table = preprocess(this.transforms, asTable(data));
    if (!table.rows) throw new InputError("There are no rows; give at least one.");
    if (table.columns.length !== width) {
      throw new InputError(`${table.columns.length} features came; the model takes ${width}.`);
    }
    return quantize(encoder, numbersOf(table, true), table.names);
  }

  /**
   * Encrypt samples.
   *
   * @param {object} data see `asTable`
   * @param {string} [method] what the answer shall be decrypted to
   * @returns {Promise<Uint8Array>} for the server
   */
  async encrypt(data, method = "predict") {
    const batches = [];
    for await (const { payload } of this.encryptBatches(data, method)) batches.push(payload);
    return joined(batches);
  }

  /**
   * Encrypt batch after batch.
   *
   * @returns {AsyncGenerator<{payload: Uint8Array, rows: number}>}
   */
  async *encryptBatches(data, method = "predict") {
    const number = this.#number(method);
    const { client } = this.modules[number];
    const columns = this.encode(data, method);
    const total = columns[0].length;
    await this.generateKeys();
    let start = 0;
    for (const size of client.batchSizes(total)) {
      const last = total - 1;
      const taken = columns.map((column) =>
        Float64Array.from({ length: size }, (_, i) => column[Math.min(start + i, last)]),
      );
      const rows = Math.min(size, total - start);
      const about = { kind: "inputs", engine: ENGINE, target: this.card.digest, module: number };
      const parts = await client.encrypt(taken, size);
      yield { payload: writeMessage({ ...about, n_samples: size, n_rows: rows, parts }), rows };
      start += size;
    }
  }

  /**
   * Decrypt and decode what the server answered.
   *
   * @param {Uint8Array} answer
   * @param {string} [method] the one that the samples were encrypted for, or one of the same module
   * @returns {Promise<Array>} a number, text or row for each sample, as the estimator gives them
   * @throws {InputError} the answer is damaged, of another model, or was made with other keys
   */
  async decrypt(answer, method = "predict") {
    return this.modules[this.#number(method)].decode(await this.#integers(answer, method), method);
  }

  /**
   * Decrypt an answer once, and decode it as all methods do that share its module.
   *
   * @returns {Promise<Record<string, Array>>} by method
   */
  async decryptAll(answer, method = "predict") {
    const integers = await this.#integers(answer, method);
    const module = this.modules[this.#number(method)];
    return Object.fromEntries(
      this.methodsLike(method).map((name) => [name, module.decode(integers, name)]),
    );
  }

  /** Methods that are decoded from the same answers. */
  methodsLike(method) {
    return this.methods.filter((name) => this.#number(name) === this.#number(method));
  }

  async #integers(answer, method) {
    const number = this.#number(method);
    if (!this.hasKeys)
      throw new InputError("There are no keys; load those that encrypted the samples.");
    const rows = [];
    for (const message of readMessages(answer)) {
      this.#check(message, number);
      const integers = await this.modules[number].client.decrypt(message.parts, message.n_samples);
      rows.push(...integers.slice(0, message.n_rows));
    }
    if (!rows.length) throw new InputError("The answer is empty; give what the server sent.");
    return rows;
  }

  #number(method) {
    if (!Object.hasOwn(this.card.modules, method)) {
      throw new InputError(`The model has no '${method}'; it has ${this.methods.join(", ")}.`);
    }
    return this.card.modules[method];
  }

  /** Refuse what is not an answer of the model's module. */
  #check({ kind, target, module, engine }, number) {
    if (kind !== "outputs") throw new InputError(`Not an answer but ${kind} came.`);
    if (target !== this.card.digest) {
      const [came, ours] = [target, this.card.digest].map((digest) => digest.slice(0, 12));
      throw new InputError(`The answer is of the model ${came}; this is ${ours}.`);
    }
    if (module !== number || engine !== ENGINE) {
      throw new InputError("The answer was made for another method of the model.");
    }
  }
}

/** Encoders, SEAL's client, and what follows decryption. */
class Module {
  constructor(stored, half, keyName) {
    if (stored.class !== "StoredModule" || half.class !== "ClientSpecification") {
      throw new InputError("The client's half has files of another kind.");
    }
    const { encoders, decoders, tail, program, postprocessing } = stored;
    if (encoders.length !== 1 || decoders.length !== 1) {
      throw new InputError("The model has several inputs or outputs: use the client in Python.");
    }
    if (tail && (tail.nodes.length || String(tail.inputs) !== String(tail.outputs))) {
      const kinds = [...new Set(tail.nodes.map((node) => node.op_type ?? "ClearTail"))].join(", ");
      throw new InputError(
        `The client in the browser can't compute what follows decryption (${kinds}): use the one in Python.`,
      );
    }
    [this.encoder] = encoders;
    [this.decoder] = decoders;
    this.postprocessing = postprocessing;
    this.width = widthOf(this.encoder, program.input_bounds[0].low.shape);
    this.client = new SealClient(half);
    if (this.client.keyName !== keyName)
      throw new InputError("The client's half has other parameters than its card says.");
  }

  decode(rows, method) {
    const scores = dequantize(this.decoder, rows);
    const steps = this.postprocessing.get(method);
    return steps ? postprocess(steps, scores) : scores;
  }
}

/** Number of features that a module takes. */
function widthOf(encoder, shape) {
  if (encoder.class === "GridEncoder") return encoder.edges.length;
  if (shape.length !== 1) {
    throw new InputError(
      `The model takes samples of the shape ${shape}: use the client in Python.`,
    );
  }
  return shape[0];
}

function fileOf(files, name) {
  if (!files.has(name)) throw new InputError(`The client's half lacks ${name}; give a client.zip.`);
  return files.get(name);
}

function readCard(bytes) {
  let card = null;
  try {
    card = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    // said below
  }
  if (card?.format !== FORMAT) throw new InputError("The file is no client.zip of this version.");
  if (card.half !== "client")
    throw new InputError(`The file is a model's ${card.half} half; give client.zip.`);
  const texts = [card.model, card.digest, ...card.engines, ...card.keys, ...card.features];
  const numbers = Object.values(card.modules);
  const isSound =
    texts.every((text) => typeof text === "string") &&
    card.keys.length === card.engines.length &&
    numbers.every(
      (number) => Number.isInteger(number) && number >= 0 && number < card.engines.length,
    );
  if (!isSound) throw new InputError("The card of client.zip makes no sense.");
  const other = card.engines.find((engine) => engine !== ENGINE);
  if (other) {
    throw new InputError(
      `The model was saved for the engine "${other}"; the client in the browser does "${ENGINE}". ` +
        `Save it with engine="${ENGINE}", or use the client in Python.`,
    );
  }
  return card;
}
