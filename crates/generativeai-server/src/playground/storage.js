// Conversations in the browser's IndexedDB. Unlike `localStorage` it has room for attachments.

const NAME = "generativeai-playground";
const STORE = "conversations";

/** Notifies other tabs of the browser that a conversation changed. The sending tab gets no message. */
const channel = new BroadcastChannel(NAME);

let database;

function open() {
  database ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return database;
}

/** Runs a transaction with one operation, and returns its result once it is durable. */
async function transact(mode, operation) {
  const transaction = (await open()).transaction(STORE, mode);
  const request = operation(transaction.objectStore(STORE));
  return new Promise((resolve, reject) => {
    // Not at `onsuccess` of the request: the transaction could still be aborted, for lack of space for example.
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error);
  });
}

/** Returns all conversations. */
export const loadAll = () => transact("readonly", (store) => store.getAll());

/** Returns one conversation. */
export const load = (id) => transact("readonly", (store) => store.get(id));

/** Saves a conversation. */
export async function save(conversation) {
  await transact("readwrite", (store) => store.put(conversation));
  channel.postMessage(conversation.id);
}

/** Deletes a conversation. */
export async function remove(id) {
  await transact("readwrite", (store) => store.delete(id));
  channel.postMessage(id);
}

/** Calls a function with the id of each conversation that another tab changed. */
export function onChange(listener) {
  channel.addEventListener("message", ({ data }) => listener(data));
}
