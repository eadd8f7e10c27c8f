/**
 * Files as a browser gives them: dropped with their folders, or chosen.
 * @module
 */

const FILES_MOST = 10_000;

/**
 * @typedef {object} Chosen
 * @property {File} file
 * @property {string} name  with its folders, for people; the node never opens it
 */

function fileOf(entry) {
  return new Promise((found, refused) => entry.file(found, refused));
}

/** The next entries of a folder: a hundred at a time, an empty list at the end. */
function someOf(reader) {
  return new Promise((found, refused) => reader.readEntries(found, refused));
}

async function walk(entry, path, found) {
  if (found.length >= FILES_MOST) return;
  const name = `${path}${entry.name}`;
  if (entry.isFile) {
    found.push({ file: await fileOf(entry), name });
    return;
  }
  const reader = entry.createReader();
  for (let some = await someOf(reader); some.length > 0; some = await someOf(reader)) {
    for (const one of some) await walk(one, `${name}/`, found);
  }
}

/** Hidden files and what systems leave in folders. */
function isLitter({ name }) {
  const last = name.split("/").at(-1);
  return last.startsWith(".") || ["Thumbs.db", "desktop.ini"].includes(last);
}

function inOrder(found) {
  const useful = found.filter((one) => one.file.size > 0 && !isLitter(one));
  return useful.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
}

/** Everything that was dropped. @param {DataTransfer} transfer @returns {Promise<Chosen[]>} */
export async function dropped(transfer) {
  const entries = [...transfer.items].map((one) => one.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.length === 0) return chosen(transfer.files);
  const found = [];
  for (const entry of entries) await walk(entry, "", found);
  return inOrder(found);
}

/** What a file field holds. @param {FileList} files @returns {Chosen[]} */
export function chosen(files) {
  const found = [...files].map((file) => ({ file, name: file.webkitRelativePath || file.name }));
  return inOrder(found).slice(0, FILES_MOST);
}

/** Whether the browser itself can show a file. */
export function isPicture({ file }) {
  return ["image/png", "image/jpeg"].includes(file.type);
}
