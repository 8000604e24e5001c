// What somebody would try who listened in, took a copy, or got a script into the page. Each returns [kept off?, what happened].

import { call, field, holdBack, send, session } from "./calls.js";
import { indexedDbStore } from "./counterseal.js";
import { exchange } from "./show.js";

const PATIENCE = 10_000;
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function replay() {
  const first = await call("signed", "POST", "Sent once");
  if (first.state !== 200) return [true, `The request itself was refused: ${first.state}.`];
  const again = await send(first.sent);
  exchange(again);
  if (again.state === 200) return [false, "Accepted twice: the replay guard is off. Start the service with COUNTERSEAL_REPLAY=memory."];
  return [true, `The first was accepted, the second refused (${again.told?.reason ?? again.state}): it was used before.`];
}

async function change() {
  const sent = await holdBack("signed", "POST", "Pay 10 to Bob");
  const changed = { ...sent, body: sent.body.replace("10 to Bob", "99 to Eve") };
  const done = await send(changed);
  exchange(done);
  return done.state === 200
    ? [false, "Accepted with another body."]
    : [true, `“Pay 10 to Bob” became “Pay 99 to Eve” on its way, and was refused (${done.state}): the digest of the body is signed.`];
}

/** A request with the bearer token, held back; undefined: the session was begun without. */
async function borne() {
  try {
    return await holdBack("bearer", "GET");
  } catch (error) {
    if (error.name === "NotSignable") return undefined;
    throw error;
  }
}

async function steal() {
  const sent = await borne();
  if (!sent) return [true, "There is none: the session was begun without a bearer token, and is given none later."];
  const theirs = {
    url: sent.url,
    method: "POST",
    headers: [["authorization", field(sent, "authorization")], ["content-type", "application/json"], ["x-page-id", field(sent, "x-page-id")]],
    body: JSON.stringify({ text: "Eve was here" }),
  };
  const done = await send(theirs);
  exchange(done);
  return done.state === 200
    ? [false, "Accepted: the token of a reading wrote a note in your name. Whoever has the token is you, until it ends or you sign out."]
    : [true, `Refused (${done.state}).`];
}

async function takeKey() {
  const stored = await indexedDbStore().read("counterseal:/session");
  if (!stored) return [true, "There is no key: nobody is signed in."];
  try {
    await crypto.subtle.exportKey("jwk", stored.privateKey);
    return [false, "The key was exported."];
  } catch (error) {
    const copy = JSON.stringify(stored.privateKey);
    return [true, `The browser refuses (${error.name}), and a copy of the key as text is “${copy}”. A script can use it, not take it.`];
  }
}

async function register() {
  const { publicKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const done = await fetch("/session/refresh", {
    method: "POST",
    headers: { "content-type": "application/json", "x-counterseal-csrf": "1" },
    body: JSON.stringify({ publicKey: await crypto.subtle.exportKey("jwk", publicKey) }),
  });
  if (done.ok) return [false, "Registered: the thief signs with it on another machine."];
  if (done.status !== 409) return [true, `Refused (${done.status}).`];
  return [true, "Refused (409): a refresh takes the key of the sign-in alone. Which one that was stands in a cookie that no script writes."];
}

async function leave() {
  const token = await borne();
  const signed = await holdBack("signed", "GET");
  const tries = [["the token", token], ["a request signed before", signed]].filter(([, sent]) => sent);
  const began = performance.now();
  const told = await session.signOut();
  const refused = [];
  while (refused.length < tries.length && performance.now() - began < PATIENCE) {
    for (const [name, sent] of tries) {
      if (refused.some(([one]) => one === name)) continue;
      const done = await send(sent);
      exchange(done);
      if (done.state >= 400) refused.push([name, Math.round(performance.now() - began)]);
    }
    await pause(100);
  }
  if (refused.length < tries.length) return [false, told ? "Something is still accepted." : "The session service did not confirm the sign-out."];
  return [true, `Refused: ${refused.map(([name, after]) => `${name} after ${after} ms`).join(", ")}.`];
}

export const attacks = { replay, change, steal, export: takeKey, register, leave };
