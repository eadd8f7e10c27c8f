/** The outbox's letters in IndexedDB: signed votes and receipts, never keys or passphrases. */

const DATABASE = "medquorum-outbox";
const LETTERS = "letters";
const MOST_LETTERS = 1_000;

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

let opened = null;

function database() {
  if (opened === null) {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(LETTERS, { keyPath: "id" });
    };
    opened = done(request);
  }
  return opened;
}

/** Runs `use(store)` in a transaction of its own and waits until it is durable. */
async function within(mode, use) {
  const connection = await database();
  const transaction = connection.transaction(LETTERS, mode, { durability: "strict" });
  const complete = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });
  const result = await done(use(transaction.objectStore(LETTERS)));
  await complete;
  return result;
}

export const letters = {
  /** Write a letter, durable when this resolves; the oldest receipts make room. */
  async keep(letter) {
    await within("readwrite", (store) => store.put(letter));
    const settled = (await letters.all()).filter(({ state }) => state !== "waiting");
    for (const old of settled.slice(0, Math.max(0, settled.length - MOST_LETTERS))) {
      await letters.drop(old.id);
    }
  },

  async get(id) {
    return within("readonly", (store) => store.get(id));
  },

  /** All letters, oldest first. */
  async all() {
    const found = await within("readonly", (store) => store.getAll());
    return found.sort((one, other) => one.kept_at_ms - other.kept_at_ms);
  },

  async drop(id) {
    return within("readwrite", (store) => store.delete(id));
  },
};
