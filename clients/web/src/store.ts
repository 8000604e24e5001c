// Where a session and its key are kept. IndexedDB holds the key itself, as an object that cannot be exported. Local storage holds
// text, so a key in it could be read by any script: nothing is ever put there.

import type { Algorithm } from "./signature.js";

/** A session as it is kept. Times are Unix milliseconds by the service's clock. No token is in it. */
export interface StoredSession {
  version: 1;
  sessionId: string;
  principal: string;
  keyId: string;
  algorithm: Algorithm;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
  /** When the key was registered or last prolonged. */
  keyBegan: number;
  keyExpires: number;
  sessionExpires: number;
  /** Milliseconds that the service's clock is ahead of this one. */
  clockOffset: number;
  /** Whether the sign-in asked for a bearer token too, and so refreshes do. */
  wantsToken: boolean;
  /** The id of a refresh that was not answered yet. */
  pending?: string;
}

/** Keeps one session for each name. All tabs of an origin must see the same one. */
export interface KeyStore {
  read(name: string): Promise<StoredSession | undefined>;
  write(name: string, session: StoredSession): Promise<void>;
  /** Writes only where this very session is kept still, in one step; says whether it did. */
  replace(name: string, session: StoredSession): Promise<boolean>;
  remove(name: string): Promise<void>;
}

const DATABASE = "counterseal";
const SESSIONS = "sessions";

/** Keeps sessions in IndexedDB: they outlast a reload, and end with the browser's data for the site. */
export function indexedDbStore(): KeyStore {
  return {
    read: (name) => transact("readonly", (sessions, give) => {
      const found = sessions.get(name);
      found.onsuccess = () => give(found.result as StoredSession | undefined);
    }),
    write: (name, session) => transact<void>("readwrite", (sessions) => void sessions.put(session, name)),
    replace: (name, session) => transact<boolean>("readwrite", (sessions, give) => {
      const found = sessions.get(name);
      found.onsuccess = () => {
        const same = (found.result as StoredSession | undefined)?.sessionId === session.sessionId;
        if (same) sessions.put(session, name);
        give(same);
      };
    }),
    remove: (name) => transact<void>("readwrite", (sessions) => void sessions.delete(name)),
  };
}

/** Runs one transaction and resolves once it is complete, with what was given. */
async function transact<T>(
  mode: IDBTransactionMode, work: (sessions: IDBObjectStore, give: (value: T) => void) => void,
): Promise<T> {
  const database = await open();
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(SESSIONS, mode);
      let given: T | undefined;
      transaction.oncomplete = () => resolve(given as T);
      transaction.onabort = () => reject(transaction.error ?? new Error("IndexedDB gave up a transaction"));
      work(transaction.objectStore(SESSIONS), (value) => { given = value; });
    });
  } finally {
    // Not kept open: a connection that is forgotten in a frozen tab would block every later version of the database.
    database.close();
  }
}

function open(): Promise<IDBDatabase> {
  if (!globalThis.indexedDB) return Promise.reject(new Error("no IndexedDB here: give a store, such as memoryStore()"));
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => void opening.result.createObjectStore(SESSIONS);
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error ?? new Error("IndexedDB does not open"));
  });
}

/** Keeps sessions in this page alone: for browsers without IndexedDB, and for tests. A reload ends the session here. */
export function memoryStore(): KeyStore {
  const sessions = new Map<string, StoredSession>();
  return {
    read: async (name) => sessions.get(name),
    write: async (name, session) => void sessions.set(name, session),
    replace: async (name, session) => {
      const same = sessions.get(name)?.sessionId === session.sessionId;
      if (same) sessions.set(name, session);
      return same;
    },
    remove: async (name) => void sessions.delete(name),
  };
}
