// The signature base of a request (RFC 9421 section 2.5) and the fields that carry a signature (section 4).

import { base64, type Bytes } from "./encoding.js";
import { NotSignable } from "./errors.js";

/** How keys sign, by the names of RFC 9421 section 6.2. */
export type Algorithm = "ecdsa-p256-sha256" | "ed25519";

/** The parameters of a signature (section 2.3). `created` is in Unix seconds, `keyid` the id of the registered key. */
export interface SignatureParameters {
  created: number;
  nonce: string;
  keyid: string;
  alg: Algorithm;
}

/** What is signed of a request. `contentDigest` and `contentType` are set where there is a body, both of them. */
export interface Signable {
  method: string;
  url: URL;
  contentDigest?: string;
  contentType?: string;
}

export const LABEL = "sig1";
/** Tells signatures of this module from others that a request may carry (section 7.2.5). */
export const TAG = "counterseal-web";

// RFC 3986 sections 3.3 and 3.4. URLs of browsers hold more than that, and percent signs without digits.
const NOT_PATH = /%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/g;
const NOT_QUERY = /%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?[\]%]/g;
// Section 2.5: the base is ASCII; RFC 9651 section 3.3.3: so are strings. Of key ids, the service has fewer characters.
const KEY_ID = /^[A-Za-z0-9._~:@+=/-]{3,128}$/;
const VISIBLE = /^[\t\x20-\x7e]*$/;

/**
 * The same resource in the spelling of RFC 3986, and without a fragment: what is signed and sent.
 *
 * The URL standard lets `|`, `^`, `{` and the like through, which strict servers refuse. Dot segments, the default port and
 * upper case in the host are gone already: parsing did that, and it is done before the request is sent in any case.
 */
export function plainUrl(url: URL): URL {
  const path = url.pathname.replace(NOT_PATH, percentEncoded);
  const query = url.search.slice(1).replace(NOT_QUERY, percentEncoded);
  // An empty query is told from none, as on the wire, although "@query" is "?" for both (section 2.2.7).
  const marked = url.search !== "" || /^[^#]*\?/.test(url.href);
  return new URL(`${url.protocol}//${url.host}${path}${marked ? "?" : ""}${query}`);
}

function percentEncoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}

/** The covered components with their values, in the order in which they are signed. */
function components(request: Signable): [string, string][] {
  const covered: [string, string][] = [
    ["@method", request.method],
    // Section 2.2.3: in lower case and without the scheme's default port, which is how the URL standard keeps it.
    ["@authority", request.url.host],
    ["@path", request.url.pathname],
    ["@query", request.url.search || "?"],
  ];
  if (request.contentDigest !== undefined) {
    covered.push(["content-digest", request.contentDigest], ["content-type", request.contentType ?? ""]);
  }
  return covered;
}

/** The value of `@signature-params`, which is also the member of `Signature-Input`. */
function signatureParams(request: Signable, parameters: SignatureParameters): string {
  const { created, nonce, keyid, alg } = parameters;
  if (!KEY_ID.test(keyid)) throw new NotSignable("the key id has characters that it cannot have");
  const names = components(request).map(([name]) => `"${name}"`).join(" ");
  return `(${names});created=${created};nonce="${nonce}";keyid="${keyid}";alg="${alg}";tag="${TAG}"`;
}

/** The signature base: what the key signs. */
export function signatureBase(request: Signable, parameters: SignatureParameters): string {
  const lines = components(request).map(([name, value]) => {
    if (!VISIBLE.test(value)) throw new NotSignable(`${name}: holds characters outside ASCII, which cannot be signed`);
    return `"${name}": ${value}`;
  });
  return [...lines, `"@signature-params": ${signatureParams(request, parameters)}`].join("\n");
}

/** The value of `Content-Digest` (RFC 9530 section 2). */
export async function contentDigest(body: Bytes): Promise<string> {
  return `sha-256=:${base64(new Uint8Array(await crypto.subtle.digest("SHA-256", body)))}:`;
}

/** Signs, and returns the values of `Signature-Input` and `Signature`. The private key never leaves the browser's own memory. */
export async function sign(
  request: Signable, parameters: SignatureParameters, privateKey: CryptoKey,
): Promise<{ signatureInput: string; signature: string }> {
  const base = new TextEncoder().encode(signatureBase(request, parameters));
  // ECDSA comes as r and s side by side, which is also section 3.3.4's form.
  const how = parameters.alg === "ed25519" ? { name: "Ed25519" } : { name: "ECDSA", hash: "SHA-256" };
  const signature = new Uint8Array(await crypto.subtle.sign(how, privateKey, base));
  return {
    signatureInput: `${LABEL}=${signatureParams(request, parameters)}`,
    signature: `${LABEL}=:${base64(signature)}:`,
  };
}
