// Copies what the page needs of npm's packages to where the service finds it.
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const TARGET = join(HERE, "..", "cml_sklearn", "deployment", "web", "vendor");
const NOBLE = ["_md", "_u64", "hmac", "pbkdf2", "scrypt", "sha2", "utils"].map(
  (name) => `${name}.js`,
);
const FILES = {
  "node-seal": [
    ["LICENSE"],
    ...["index_throws.js", "seal_throws.js", "seal_throws.wasm"].map((f) => ["dist", f]),
  ],
  fzstd: [["LICENSE"], ["esm", "index.mjs"]],
  "@noble/hashes": [["LICENSE"], ...NOBLE.map((file) => [file])],
};

rmSync(TARGET, { recursive: true, force: true });
for (const [name, files] of Object.entries(FILES)) {
  const folder = join(TARGET, name.replace("@noble/hashes", "noble-hashes"));
  mkdirSync(folder, { recursive: true });
  for (const path of files)
    cpSync(join(HERE, "node_modules", name, ...path), join(folder, path.at(-1)));
}
