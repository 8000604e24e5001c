// Which requests are signed, which are refused before anything is sent, and what is sent of each kind of body.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ORIGIN, signedIn, web, World } from "./support.mjs";

async function sent(init, more = {}, target = "/api/orders") {
  const world = new World();
  const session = await signedIn(world, more);
  await session.fetch(target, init);
  assert.equal(world.api.length, 1);
  return world.api[0];
}

async function refuses(init, more = {}, target = "/api/orders") {
  const world = new World();
  const session = await signedIn(world, more);
  await assert.rejects(session.fetch(target, init), web.NotSignable);
  assert.equal(world.api.length, 0);
}

const POST = { method: "POST" };
const bytes = new Uint8Array([0, 1, 2, 255]);
const BODIES = {
  text: ["grüße", "text/plain;charset=UTF-8"],
  form: [new URLSearchParams({ a: "b c" }), "application/x-www-form-urlencoded;charset=UTF-8"],
  buffer: [bytes.buffer, "application/octet-stream"],
  view: [new Uint8Array(bytes.buffer, 1, 2), "application/octet-stream"],
  data: [new DataView(bytes.buffer, 1), "application/octet-stream"],
  blob: [new Blob([bytes], { type: "image/x-icon" }), "image/x-icon"],
  "blob without a type": [new Blob([bytes]), "application/octet-stream"],
  stream: [new Blob([bytes, bytes]).stream(), "application/octet-stream"],
};
for (const [kind, [body, type]] of Object.entries(BODIES)) {
  test(`a body: ${kind}`, async () => {
    const expected = kind === "stream" ? new Uint8Array([...bytes, ...bytes]) : new Uint8Array(await new Response(body).arrayBuffer());
    const request = await sent({ ...POST, body });
    assert.equal(request.headers.get("content-type"), type);
    const arrived = new Uint8Array(await request.arrayBuffer());
    assert.deepEqual(arrived, expected);
    assert.equal(request.headers.get("content-digest"), await web.contentDigest(arrived));
    assert.match(request.headers.get("signature-input"), /"content-digest" "content-type"\)/);
  });
}

test("a form with a file has the boundary that is signed", async () => {
  const body = new FormData();
  body.set("file", new File(["hello"], "a.txt", { type: "text/plain" }));
  const request = await sent({ ...POST, body });
  const boundary = /^multipart\/form-data; boundary=(.+)$/.exec(request.headers.get("content-type"))[1];
  const digest = request.headers.get("content-digest");
  const arrived = new Uint8Array(await request.arrayBuffer());
  assert.equal(digest, await web.contentDigest(arrived));
  assert.ok(new TextDecoder().decode(arrived).startsWith(`--${boundary}\r\n`));
});

test("a Request is taken as fetch takes it, and its body is used up", async () => {
  const signal = new AbortController().signal;
  const given = new Request(`${ORIGIN}/api/orders?b`, { method: "PUT", body: "1", headers: { "x-a": "b" }, cache: "reload", signal });
  const request = await sent(undefined, {}, given);
  assert.equal(given.bodyUsed, true);
  assert.deepEqual([request.method, request.url, request.cache], ["PUT", given.url, "reload"]);
  assert.deepEqual([request.headers.get("x-a"), await request.text()], ["b", "1"]);
});

test("an abort reaches the request", async () => {
  const world = new World();
  const session = await signedIn(world);
  const control = new AbortController();
  world.respond = (request) => new Promise((_, reject) => {
    request.signal.addEventListener("abort", () => reject(request.signal.reason));
    setTimeout(() => control.abort());
  });
  const going = session.fetch("/api/orders", { signal: control.signal });
  await assert.rejects(going, { name: "AbortError" });
});

test("an empty body is none", async () => {
  const request = await sent({ ...POST, body: "" });
  assert.equal(request.headers.get("content-digest"), null);
  assert.doesNotMatch(request.headers.get("signature-input"), /content/);
});

test("redirects are an error, and cannot be followed", async () => {
  assert.equal((await sent({})).redirect, "error");
  assert.equal((await sent({ redirect: "manual" })).redirect, "manual");
  await refuses({ redirect: "follow" });
});

for (const name of ["Signature", "signature-input", "Content-Digest", "Authorization", "Host", "COOKIE", "content-length"]) {
  test(`header ${name} is refused`, () => refuses({ headers: { [name]: "a" } }));
}
test("headers proxy-* and sec-* are refused", async () => {
  await refuses({ headers: { "Proxy-Authorization": "a" } });
  await refuses({ headers: [["sec-fetch-site", "none"]] });
  await refuses(undefined, {}, new Request(`${ORIGIN}/api`, { headers: { signature: "a" } }));
});

test("another origin is refused unless it is listed", async () => {
  for (const target of ["https://app.test:8000/", "http://app.test/", "http://evil.test:8000/", "//evil.test/", "data:,a"]) {
    await refuses({}, {}, target);
  }
  const request = await sent({}, { origins: ["https://API.example:443"] }, "https://api.example/x");
  assert.equal(request.url, "https://api.example/x");
  await refuses({}, { origins: ["https://api.example"] }, "http://api.example/x");
});

test("mode no-cors is refused", () => refuses({ mode: "no-cors" }));

test("a body over the limit is refused, streams before they are read to the end", async () => {
  await refuses({ ...POST, body: "12345" }, { bodyLimit: 4 });
  assert.equal(await (await sent({ ...POST, body: "1234" }, { bodyLimit: 4 })).text(), "1234");
  let pulled = 0;
  let cancelled = false;
  const endless = new ReadableStream({
    pull(control) {
      pulled += 1;
      control.enqueue(new Uint8Array(100));
    },
    cancel() {
      cancelled = true;
    },
  });
  await refuses({ ...POST, body: endless }, { bodyLimit: 1000 });
  assert.ok(cancelled && pulled < 20);
  const texts = new ReadableStream({ start: (control) => control.enqueue("text") });
  await refuses({ ...POST, body: texts });
});

test("every signature has a nonce of its own", async () => {
  const world = new World();
  const session = await signedIn(world);
  for (let count = 0; count < 20; count += 1) await session.fetch("/api");
  const nonces = world.api.map((request) => /nonce="([\w-]{22})"/.exec(request.headers.get("signature-input"))[1]);
  assert.equal(new Set(nonces).size, 20);
});
