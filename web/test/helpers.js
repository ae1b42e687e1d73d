/** What several tests need. */

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { FheClient } from "../../cml_sklearn/deployment/web/client/index.js";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const PYTHON = process.env.PYTHON ?? join(ROOT, ".venv", "bin", "python");
const HOW = { cwd: ROOT, env: { ...process.env, OMP_NUM_THREADS: "1", PYTHONWARNINGS: "ignore" } };

/** Run Python in the project's folder; gives what it writes. */
export async function python(...words) {
  const { stdout } = await promisify(execFile)(PYTHON, words, HOW);
  return stdout;
}

/** Bytes of a file. */
export const bytesOf = async (path) => new Uint8Array(await readFile(path));

/** The client of a ``client.zip``. */
export const clientOf = async (path) => FheClient.open(await bytesOf(path));

/** Folder with the models of `tests/deployment/web_models.py`, made once for all tests of a file. */
export async function servedModels() {
  const folder = await mkdtemp(join(tmpdir(), "cml-web-"));
  await python("-m", "tests.deployment.web_models", folder);
  const expected = JSON.parse(await readFile(join(folder, "expected.json"), "utf8"));
  const token = (await readFile(join(folder, "token"), "utf8")).trim();
  const remove = () => rm(folder, { recursive: true, force: true });
  return { folder, expected, token, remove };
}

/** The service as an operator starts it. */
export class Service {
  /**
   * @param {string} folder of `servedModels`
   * @param {string[]} names of models
   * @param {number} [port] 0: any
   */
  static async start(folder, names, port = 0) {
    const files = names.map((name) => join(folder, name, "server.zip"));
    const pages = names.flatMap((name) => ["--web", join(folder, name, "client.zip")]);
    const stores = ["--store", join(folder, "keys"), "--tokens", join(folder, "tokens.json")];
    const words = ["-m", "cml_sklearn.deployment", "serve", ...files, ...pages, ...stores];
    const process_ = spawn(PYTHON, [...words, "--port", String(port)], {
      ...HOW,
      stdio: ["ignore", "ignore", "pipe"],
    });
    const lines = [];
    for await (const line of createInterface(process_.stderr)) {
      lines.push(line);
      const address = /running on (http:\S+)/.exec(line)?.[1];
      if (address) return new Service(process_, address.replace("127.0.0.1", "localhost"));
    }
    throw new Error(`The service does not start: ${lines.join("\n")}`);
  }

  constructor(process_, url) {
    this.process = process_;
    this.url = url;
    process_.stderr.resume();
  }

  get port() {
    return Number(new URL(this.url).port);
  }

  async stop() {
    if (this.process.exitCode !== null) return;
    this.process.kill("SIGTERM");
    await once(this.process, "exit");
  }
}

/** Assert that numbers differ by rounding at most, and that all else is equal. */
export function assertNear(actual, expected, place = "") {
  if (Array.isArray(expected)) {
    assert.equal(actual.length, expected.length, place);
    expected.forEach((value, i) => assertNear(actual[i], value, `${place}[${i}]`));
  } else if (typeof expected === "number") {
    assert.ok(
      Math.abs(actual - expected) <= 1e-12 * Math.max(1, Math.abs(expected)),
      `${place}: ${actual} for ${expected}`,
    );
  } else assert.equal(actual, expected, place);
}
