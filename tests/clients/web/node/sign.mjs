// Signs the requests that come as JSON on standard input, and prints what goes over the wire.
//
// `sent`: taken from the request that would be sent, with the Host that a browser writes. `received`: sent for real, and taken
// byte by byte from the connection of a server that they are sent to.
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { START, tab, web, World } from "./support.mjs";

const { algorithm, keyId, jobs } = JSON.parse(readFileSync(0, "utf8"));
const received = [];
const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const fields = [];
  for (let at = 0; at < request.rawHeaders.length; at += 2) fields.push(request.rawHeaders.slice(at, at + 2));
  received.push({ method: request.method, target: request.url, headers: fields, body: Buffer.concat(chunks).toString("base64") });
  response.end();
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const local = `http://127.0.0.1:${server.address().port}`;

async function shown(request) {
  const url = new URL(request.url);
  const body = Buffer.from(await request.arrayBuffer()).toString("base64");
  const target = request.url.slice(url.origin.length) || "/";
  return { method: request.method, target, headers: [["host", url.host], ...request.headers], body };
}

function bodyOf({ kind, text }) {
  if (kind === "none") return {};
  if (kind === "text") return { body: text };
  if (kind === "bytes") return { body: Buffer.from(text, "base64") };
  if (kind === "form") return { body: new URLSearchParams(text) };
  if (kind === "blob") return { body: new Blob([text], { type: "Text/Plain; Charset=UTF-8" }) };
  if (kind === "stream") return { body: new Blob([text]).stream() };
  const body = new FormData();
  body.set("félt", text);
  body.set("file", new File([text], 'a "b".txt'));
  return { body };
}

const world = new World();
world.now = START;
const origins = [local, ...new Set(jobs.map((job) => new URL(job.url, local).origin))];
let last;
world.respond = async (request) => {
  last = request.url.startsWith(local) ? undefined : await shown(request);
  return last ? new Response() : fetch(request);
};
world.plan = [{ change: { keyId } }];
const session = tab(world, { algorithm, origins });
await session.signIn("ann", "correct horse");
const { publicKey } = world.named("sign-in")[0].body;

const signed = [];
for (const job of jobs) {
  const init = { method: job.method, headers: job.headers, ...bodyOf(job.body) };
  await session.fetch(new URL(job.url, local), init);
  signed.push(last ?? received.pop());
}
server.close();
console.log(JSON.stringify({ publicKey, created: START / 1000, signed, exported: Object.keys(web) }));
