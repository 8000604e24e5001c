// What a session can be told, and what it takes for granted otherwise.

import type { Algorithm } from "./signature.js";
import { indexedDbStore, type KeyStore } from "./store.js";
import { browserLocks, type Locks } from "./tabs.js";

/** All of them may be left out. */
export interface CountersealOptions {
  /** The path of the front's endpoints, on this page's origin. Default: `/session`. */
  base?: string;
  /** How the key signs. Default: `ecdsa-p256-sha256`, which every browser knows. */
  algorithm?: Algorithm;
  /** Where the key is kept. Default: IndexedDB. */
  store?: KeyStore;
  /** Origins beside the page's own that signed requests may go to, e.g. `https://api.example`. */
  origins?: readonly string[];
  /** Bytes of the largest body. It is read into memory, since it is hashed before it is sent. Default: 64 MiB. */
  bodyLimit?: number;
  /** Tells sessions of one origin apart that have nothing to do with each other. Default: `base`. */
  name?: string;
  /** Milliseconds that the front has for an answer. Default: 20 000. */
  timeout?: number;
  /** This device's time in Unix milliseconds. Default: `Date.now`. */
  clock?: () => number;
  /** Sends requests. Default: the browser's `fetch`. */
  fetch?: typeof fetch;
  /** Lets one tab at a time refresh. Default: `navigator.locks`. */
  locks?: Locks;
}

/** Options with nothing left open. */
export interface Settings {
  base: URL;
  algorithm: Algorithm;
  store: KeyStore;
  origins: ReadonlySet<string>;
  bodyLimit: number;
  name: string;
  timeout: number;
  clock: () => number;
  send: typeof fetch;
  locks: Locks;
}

const MIB = 1024 * 1024;

/** Fills in the defaults. Throws TypeError: the front is on another origin, where its cookie would not be sent. */
export function settle(options: CountersealOptions): Settings {
  const page = globalThis.location?.origin;
  const base = new URL(options.base ?? "/session", page);
  base.pathname = base.pathname.replace(/\/+$/, "");
  if (page !== undefined && base.origin !== page) throw new TypeError("base: must be on this page's origin");
  const send = options.fetch ?? globalThis.fetch;
  return {
    base,
    algorithm: options.algorithm ?? "ecdsa-p256-sha256",
    store: options.store ?? indexedDbStore(),
    origins: new Set([base.origin, ...(options.origins ?? []).map((origin) => new URL(origin).origin)]),
    bodyLimit: options.bodyLimit ?? 64 * MIB,
    name: `counterseal:${options.name ?? base.pathname}`,
    timeout: options.timeout ?? 20_000,
    clock: options.clock ?? Date.now,
    // Called as a function of its own: a browser's fetch refuses any other `this`.
    send: (input, init) => send(input, init),
    locks: options.locks ?? browserLocks(),
  };
}

/** What relative URLs are relative to, as for the browser's own fetch. */
export function here(settings: Settings): string {
  return globalThis.document?.baseURI ?? globalThis.location?.href ?? settings.base.href;
}
