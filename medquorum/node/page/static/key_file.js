/**
 * The doctor's encrypted key file on this device: kept only where she ticked so, only as it is.
 * @module
 */

const DATABASE = "medquorum-desk";
const STORE = "key_files";
const LARGEST = 65_536;

let chosen = null;

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "user" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Runs one request on the store and answers its result. */
async function ask(mode, make) {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = make(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** The text of a chosen file; throws RangeError where it is too large to be a key file. */
export async function readKeyFile(file) {
  if (file.size === 0 || file.size > LARGEST) throw new RangeError("not a key file");
  return file.text();
}

/** The encrypted file in use on this page, or remembered on this device; null where neither is. */
export async function knownKeyFile(user) {
  if (chosen?.user === user) return chosen;
  return (await ask("readonly", (store) => store.get(user))) ?? null;
}

/** Uses a file on this page, and remembers it on this device where `remember` says so. */
export async function useKeyFile({ user, name, text, remember }) {
  chosen = { user, name, text };
  if (remember) await ask("readwrite", (store) => store.put({ user, name, text }));
}

/** Whether this device remembers a file of this user. */
export async function isRemembered(user) {
  return (await ask("readonly", (store) => store.count(user))) > 0;
}

/** Forgets the file of this user on this device and on this page. */
export async function forgetKeyFile(user) {
  chosen = null;
  await ask("readwrite", (store) => store.delete(user));
}
