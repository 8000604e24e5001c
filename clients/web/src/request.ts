// A request as the page gives it, checked and with its body in memory, ready to be signed and sent as often as needed.

import type { Bytes } from "./encoding.js";
import { NotSignable } from "./errors.js";
import { plainUrl } from "./signature.js";

/** What may be asked of `fetch`, besides what the browser's own knows. */
export interface SessionRequestInit extends RequestInit {
  /** Send the bearer token instead of a signature. It covers nothing of the request. */
  bearer?: boolean;
}

/** Where requests may go, and how large they may be. `here` is what relative URLs are relative to. */
export interface Bounds {
  here: string;
  origins: ReadonlySet<string>;
  bodyLimit: number;
}

/** A checked request. `body` is undefined where there is none, or an empty one. */
export interface PreparedRequest {
  url: URL;
  method: string;
  headers: Headers;
  body?: Bytes;
  rest: RequestInit;
}

// The Fetch standard's forbidden request-headers: a browser drops them without a word, so the page would be mistaken about them.
const FORBIDDEN = new Set(
  ("accept-charset accept-encoding access-control-request-headers access-control-request-method connection content-length " +
    "cookie cookie2 date dnt expect host keep-alive origin referer set-cookie te trailer transfer-encoding upgrade via").split(" "),
);
// What says who sends the request is written here; two of them would be ambiguous.
const OURS = new Set(["authorization", "content-digest", "signature", "signature-input"]);
const WITHOUT_BODY = new Set(["GET", "HEAD"]);

/** Checks and reads a request. Throws NotSignable, and what `new Request` throws. */
export async function prepare(input: RequestInfo | URL, init: RequestInit, bounds: Bounds): Promise<PreparedRequest> {
  if (init.headers) checkNames(new Headers(init.headers));
  // A redirect would need another signature, for another URL, and fetch would send this one along.
  if (init.redirect === "follow") throw new NotSignable("redirects cannot be followed: each needs a signature of its own");
  const request = await toRequest(input, init, bounds);
  checkNames(request.headers);
  if (request.mode === "no-cors") throw new NotSignable("mode no-cors: the browser would drop the signature");
  const url = plainUrl(new URL(request.url));
  if (!bounds.origins.has(url.origin)) throw new NotSignable(`${url.origin}: not this page's origin, nor listed in origins`);
  const body = WITHOUT_BODY.has(request.method) ? new Uint8Array(0) : await readRequestBody(request, bounds.bodyLimit);
  const headers = new Headers(request.headers);
  // A body without a type could be given one on the way. RFC 9110 section 8.3 takes it for this one in any case.
  if (body.length > 0 && !headers.has("content-type")) headers.set("content-type", "application/octet-stream");
  const prepared = { url, method: request.method, headers, rest: restOf(request, init) };
  return body.length > 0 ? { ...prepared, body } : prepared;
}

/** The request to send, with more header fields. */
export function complete(prepared: PreparedRequest, fields: Record<string, string>): Request {
  const headers = new Headers(prepared.headers);
  for (const [name, value] of Object.entries(fields)) headers.set(name, value);
  const body = prepared.body === undefined ? {} : { body: prepared.body };
  return new Request(prepared.url, { ...prepared.rest, ...body, method: prepared.method, headers });
}

async function toRequest(input: RequestInfo | URL, init: RequestInit, bounds: Bounds): Promise<Request> {
  const target = input instanceof Request ? input : new URL(input, bounds.here);
  if (!(init.body instanceof ReadableStream)) return new Request(target, init);
  // Browsers that cannot send streams would send "[object ReadableStream]", signed and all. So streams are read here.
  return new Request(target, { ...init, body: await readStream(init.body, bounds.bodyLimit) });
}

function checkNames(headers: Headers): void {
  for (const name of headers.keys()) {
    if (OURS.has(name)) throw new NotSignable(`header ${name}: is written by the session`);
    if (FORBIDDEN.has(name) || name.startsWith("proxy-") || name.startsWith("sec-")) {
      throw new NotSignable(`header ${name}: cannot be set by a page`);
    }
  }
}

async function readRequestBody(request: Request, limit: number): Promise<Bytes> {
  // Reading the request, not what the page gave: forms have their boundary, and texts their bytes, only there.
  // Browsers without `Request.body` read it all before the limit is looked at.
  if (request.body) return readStream(request.body, limit);
  const bytes = new Uint8Array(await request.arrayBuffer());
  if (bytes.length > limit) throw tooLarge(limit);
  return bytes;
}

async function readStream(stream: ReadableStream, limit: number): Promise<Bytes> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    if (!(read.value instanceof Uint8Array)) throw new NotSignable("the body's stream gives something else than bytes");
    chunks.push(read.value);
    length += read.value.length;
    if (length > limit) {
      await reader.cancel();
      throw tooLarge(limit);
    }
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

function tooLarge(limit: number): NotSignable {
  return new NotSignable(`the body is larger than ${limit} bytes: it is hashed as a whole before it is sent`);
}

/** What a request says besides method, URL, headers and body. */
function restOf(request: Request, init: RequestInit): RequestInit {
  const { cache, credentials, integrity, keepalive, mode, referrer, referrerPolicy } = request;
  return {
    cache, credentials, integrity, keepalive, mode, referrer, referrerPolicy,
    signal: init.signal ?? request.signal,
    redirect: init.redirect ?? "error",
    ...(init.priority === undefined ? {} : { priority: init.priority }),
  };
}
