/**
 * What this browser keeps for the page: signing keys with the update on its way, and what was seen before.
 *
 * In IndexedDB, which keeps WebCrypto's handles without showing the keys. Where the browser keeps nothing (private
 * windows of some, storage blocked), everything lasts as long as the tab, and `lasting` is false: whoever shows a key
 * then must say so.
 */

/** @typedef {"identities" | "heads" | "sightings"} Shelf */

const SHELVES = /** @type {Shelf[]} */ (["identities", "heads", "sightings"]);
const VERSION = 1;

export class Store {
  /** @type {Map<string, any>} */
  #tab = new Map();

  /** @param {IDBDatabase | null} database */
  constructor(database) {
    this.database = database;
  }

  /** Whether what is put here is still there tomorrow. */
  get lasting() {
    return this.database !== null;
  }

  /** @param {Shelf} shelf @param {string} name @returns {Promise<any>} undefined if there is nothing */
  async get(shelf, name) {
    if (this.database === null) return this.#tab.get(`${shelf} ${name}`);
    return finished(this.database.transaction(shelf).objectStore(shelf).get(name));
  }

  /** @param {Shelf} shelf @returns {Promise<any[]>} */
  async all(shelf) {
    if (this.database !== null) return finished(this.database.transaction(shelf).objectStore(shelf).getAll());
    return [...this.#tab].filter(([name]) => name.startsWith(`${shelf} `)).map(([, value]) => value);
  }

  /**
   * Keep `value`, durably before this resolves.
   *
   * @param {Shelf} shelf @param {string} name @param {any} value
   */
  async put(shelf, name, value) {
    if (this.database === null) return void this.#tab.set(`${shelf} ${name}`, value);
    const transaction = this.database.transaction(shelf, "readwrite", { durability: "strict" });
    transaction.objectStore(shelf).put(value, name);
    await complete(transaction);
  }

  /** @param {Shelf} shelf @param {string} name */
  async remove(shelf, name) {
    if (this.database === null) return void this.#tab.delete(`${shelf} ${name}`);
    const transaction = this.database.transaction(shelf, "readwrite", { durability: "strict" });
    transaction.objectStore(shelf).delete(name);
    await complete(transaction);
  }
}

/** @returns {Promise<Store>} */
export async function openStore() {
  try {
    const request = indexedDB.open("coname", VERSION);
    request.onupgradeneeded = () => SHELVES.forEach((shelf) => request.result.createObjectStore(shelf));
    return new Store(await finished(request));
  } catch {
    return new Store(null);
  }
}

/**
 * Do something while no other tab of this page does something under the same name.
 *
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} action
 * @returns {Promise<T>}
 */
export async function alone(name, action) {
  return navigator.locks ? await navigator.locks.request(`coname ${name}`, action) : await action();
}

/** Ask the browser not to throw keys away when the disk runs full. It may say no. */
export async function persist() {
  await navigator.storage?.persist?.().catch(() => false);
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function finished(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** @param {IDBTransaction} transaction @returns {Promise<void>} */
function complete(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}
