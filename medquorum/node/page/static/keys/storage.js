/**
 * What is kept in IndexedDB: the outbox's letters (signed votes and receipts), and the remarks
 * beside them, sealed. Never a doctor's key or passphrase.
 */

const MOST_LETTERS = 1_000;

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** A database with one store; what it gives runs `use(store)` and waits until it is durable. */
function shelf(name, storeName, keyPath) {
  let opened = null;

  function database() {
    if (opened === null) {
      const request = indexedDB.open(name, 1);
      request.onupgradeneeded = () => {
        request.result.createObjectStore(storeName, { keyPath });
      };
      opened = done(request);
    }
    return opened;
  }

  return async function within(mode, use) {
    const connection = await database();
    const transaction = connection.transaction(storeName, mode, { durability: "strict" });
    const complete = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
    const result = await done(use(transaction.objectStore(storeName)));
    await complete;
    return result;
  };
}

const within = shelf("medquorum-outbox", "letters", "id");
const remarksWithin = shelf("medquorum-remarks", "remarks", "id");
const keysWithin = shelf("medquorum-remark-keys", "keys", "user");

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

/** Sealed remarks by the id of their vote: `{id, user, iv, sealed, kept_at_ms}`. */
export const sealedRemarks = {
  keep: (remark) => remarksWithin("readwrite", (store) => store.put(remark)),
  get: (id) => remarksWithin("readonly", (store) => store.get(id)),
  all: () => remarksWithin("readonly", (store) => store.getAll()),
  drop: (id) => remarksWithin("readwrite", (store) => store.delete(id)),
};

/** The keys of sealed remarks by user: `{user, key}`, which no script can export. */
export const remarkKeys = {
  /** Write a key unless this user has one; rejects where she has. */
  add: (entry) => keysWithin("readwrite", (store) => store.add(entry)),
  get: (user) => keysWithin("readonly", (store) => store.get(user)),
  all: () => keysWithin("readonly", (store) => store.getAll()),
  drop: (user) => keysWithin("readwrite", (store) => store.delete(user)),
};
