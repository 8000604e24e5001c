// Calls to the API, and what can be seen of them: the request as it left the browser, and what the gateway was told about it.

import { Counterseal } from "./counterseal.js";

const API = "/api/notes";
// Nobody can guess it: the server tells this page about its own requests, and no other.
const pageId = crypto.randomUUID();

let last;
let holding = false;

/** Stands where the browser's fetch would: what somebody who listens in on the way has. */
async function listening(request, init) {
  const asked = new Request(request, init);
  if (!new URL(asked.url).pathname.startsWith("/api/")) return fetch(asked);
  last = { url: asked.url, method: asked.method, headers: [...asked.headers], body: await asked.clone().text() };
  return holding ? new Response("{}") : fetch(asked);
}

export const session = new Counterseal({ fetch: listening });

/** Call the API. `way` is `signed` or `bearer`. Returns the request, the answer, and what the gateway was told. */
export async function call(way, method, note) {
  const init = { method, bearer: way === "bearer", headers: { "x-page-id": pageId } };
  if (note !== undefined) {
    init.headers["content-type"] = "application/json";
    init.body = JSON.stringify({ text: note });
  }
  const response = await session.fetch(API, init);
  return { sent: last, ...(await read(response)) };
}

/** Let the session make a request, and keep it back: it is as good as new. */
export async function holdBack(way, method, note) {
  holding = true;
  try {
    return (await call(way, method, note)).sent;
  } finally {
    holding = false;
  }
}

/** Send a request as a stranger would who has nothing but these bytes: without the session, its key or its cookie. */
export async function send(sent) {
  const { url, method, headers } = sent;
  const body = sent.body === "" ? undefined : sent.body;
  const response = await fetch(url, { method, headers, body, credentials: "omit", cache: "no-store" });
  return { sent, ...(await read(response)) };
}

async function read(response) {
  const text = await response.text();
  if (holding) return { state: 0, text };
  const asked = await fetch("/api/told", { headers: { "x-page-id": pageId }, cache: "no-store" });
  const { told } = await asked.json();
  return { state: response.status, text, told: told[0] };
}

/** The value of a field of a request. */
export function field(sent, name) {
  return sent.headers.find(([one]) => one === name)?.[1];
}
