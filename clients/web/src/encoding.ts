// Bytes as text.

export type Bytes = Uint8Array<ArrayBuffer>;

/** Base64 with padding (RFC 4648 section 4), for the few bytes of a digest or a signature. */
export function base64(bytes: Bytes): string {
  return btoa(String.fromCharCode(...bytes));
}

/** 128 random bits in the 22 characters of base64url (RFC 4648 section 5): for nonces and ids of requests. */
export function randomId(): string {
  return base64(crypto.getRandomValues(new Uint8Array(16))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
