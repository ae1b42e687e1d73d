/** The client's half of a model, for browsers and for Node 22. */

export { FheClient } from "./client.js";
export { rowsOf, valuesOf, writeCsv } from "./csv.js";
export { InputError, RefusedError, UnreachableError } from "./errors.js";
export { openKeys, sealKeys } from "./keyfile.js";
export { RemoteModel } from "./remote.js";
