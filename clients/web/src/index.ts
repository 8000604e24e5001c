// Signs a page's requests with a key that the browser holds and no script can read. See docs/web.md.

export { FrontUnavailable, NotSignable, SessionOver, SignInRefused } from "./errors.js";
export type { Listener, SessionInfo, SessionState } from "./held.js";
export type { CountersealOptions } from "./options.js";
export type { SessionRequestInit } from "./request.js";
export { Counterseal } from "./session.js";
export type { SignInOptions } from "./session.js";
export { contentDigest, plainUrl, signatureBase } from "./signature.js";
export type { Algorithm, Signable, SignatureParameters } from "./signature.js";
export { indexedDbStore, memoryStore } from "./store.js";
export type { KeyStore, StoredSession } from "./store.js";
export type { Locks } from "./tabs.js";
