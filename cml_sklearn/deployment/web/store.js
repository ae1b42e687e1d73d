/** What this browser keeps: keys, rows, results; in IndexedDB. */

const NAME = "cml-sklearn";
const STORE = "values";

/** @returns {Promise<Store>} */
export async function openStore() {
  const request = indexedDB.open(NAME, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return new Store(await done(request));
}

class Store {
  constructor(database) {
    this.database = database;
  }

  /** Value of a name, or undefined. */
  get(name) {
    return done(this.#objects("readonly").get(name));
  }

  /** Keep a value, until it is replaced or forgotten. */
  async put(name, value) {
    await done(this.#objects("readwrite").put(value, name));
  }

  /** Forget all. */
  async clear() {
    await done(this.#objects("readwrite").clear());
  }

  #objects(mode) {
    return this.database.transaction(STORE, mode, { durability: "strict" }).objectStore(STORE);
  }
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
