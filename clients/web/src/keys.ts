// The key of a session: made here, not extractable, and only its public half is ever sent.

import type { Algorithm } from "./signature.js";

/** What the front registers. No private member, by construction. */
export interface PublicJwk {
  kty: string;
  crv: string;
  x: string;
  y?: string;
}

const PARAMETERS = {
  "ecdsa-p256-sha256": { name: "ECDSA", namedCurve: "P-256" },
  ed25519: { name: "Ed25519" },
} as const;

/** Makes a key pair. Throws what the browser throws where it does not know the algorithm (`NotSupportedError`). */
export async function makeKeys(algorithm: Algorithm): Promise<CryptoKeyPair> {
  // `crypto.subtle` exists in secure contexts alone: https, or http on localhost.
  if (!globalThis.crypto?.subtle) throw new Error("no Web Crypto here: the page must be loaded over https, or from localhost");
  // Not extractable: `exportKey` refuses, and a copy in IndexedDB stays as it is.
  return (await crypto.subtle.generateKey(PARAMETERS[algorithm], false, ["sign", "verify"])) as CryptoKeyPair;
}

/** The public half as a JWK (RFC 7517) with its required members and no other. */
export async function publicJwk(publicKey: CryptoKey): Promise<PublicJwk> {
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  if (!kty || !crv || !x) throw new Error("the browser exported a public key without its coordinates");
  return { kty, crv, x, ...(y === undefined ? {} : { y }) };
}
