// Signing in and out, and what is kept.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeLocks, KEY_LIFE, ORIGIN, refused, signedIn, START, tab, until, web, World } from "./support.mjs";

test("a sign-in sends a public key and nothing of the private one", async () => {
  const world = new World();
  const session = tab(world);
  assert.equal(session.state, "unknown");
  const info = await session.signIn("ann", "correct horse", { tenant: "acme" });
  assert.deepEqual(info, {
    sessionId: "S1", principal: "ann", keyId: "CSPK1", keyExpires: START + KEY_LIFE, sessionExpires: START + 36_000_000,
  });
  const [{ request, body }] = world.named("sign-in");
  assert.equal(request.headers.get("content-type"), "application/json");
  assert.equal(request.headers.get("x-counterseal-csrf"), "1");
  assert.deepEqual([request.redirect, request.credentials, request.cache], ["error", "same-origin", "no-store"]);
  assert.deepEqual(Object.keys(body).sort(), ["accessToken", "password", "principal", "publicKey", "tenant"]);
  assert.deepEqual(Object.keys(body.publicKey).sort(), ["crv", "kty", "x", "y"]);
  assert.equal(body.accessToken, false);
  assert.equal(session.state, "signed-in");
});

for (const algorithm of ["ecdsa-p256-sha256", "ed25519"]) {
  test(`the private key cannot be exported: ${algorithm}`, async () => {
    const store = web.memoryStore();
    const session = await signedIn(new World(), { store, algorithm });
    const { privateKey } = await store.read("counterseal:/session");
    assert.equal(privateKey.extractable, false);
    for (const format of ["jwk", "pkcs8", "raw"]) await assert.rejects(crypto.subtle.exportKey(format, privateKey));
    assert.equal(JSON.stringify(await session.current()).includes("rivate"), false);
  });
}

test("no token is ever kept", async () => {
  const world = new World();
  const store = web.memoryStore();
  const session = await signedIn(world, { store }, { accessToken: true });
  await session.refresh();
  assert.equal(world.tokens, 2);
  assert.doesNotMatch(JSON.stringify(await store.read("counterseal:/session")), /cstk_/);
});

test("after a reload the session goes on with the same key", async () => {
  const world = new World();
  const store = web.memoryStore();
  const before = await signedIn(world, { store });
  const after = tab(world, { store });
  assert.deepEqual(await after.current(), await before.current());
  assert.equal(after.state, "signed-in");
  await after.fetch("/api");
  assert.match(world.api[0].headers.get("signature-input"), /keyid="CSPK1"/);
  assert.equal(world.calls.length, 1);
});

test("refused: neither the name nor the password is said to be wrong", async () => {
  const world = new World();
  world.plan = [refused(401, { error: "refused" }), refused(429, { error: "throttled", retryAfter: 17 })];
  const session = tab(world);
  const refusal = await session.signIn("ann", "wrong").catch((error) => error);
  assert.ok(refusal instanceof web.SignInRefused && !refusal.throttled);
  const throttled = await session.signIn("ann", "wrong").catch((error) => error);
  assert.ok(throttled instanceof web.SignInRefused && throttled.throttled);
  assert.equal(throttled.retryAfter, 17);
  assert.equal(await session.current(), undefined);
});

const OUTAGES = {
  "no connection": new TypeError("fetch failed"),
  "a 503": refused(503, { error: "unavailable" }),
  "a 401 of something on the way": new Response("<h1>Sign in to the hotel</h1>", { status: 401 }),
  "a page of something on the way": new Response("<h1>Welcome</h1>"),
  "an answer without a key": Response.json({ sessionId: "S1", principal: "ann", serverTime: START }),
};
for (const [what, planned] of Object.entries(OUTAGES)) {
  test(`${what} is an outage, and no refusal`, async () => {
    const world = new World();
    world.plan = [planned];
    await assert.rejects(tab(world).signIn("ann", "correct horse"), web.FrontUnavailable);
  });
}

for (const change of [{ keyExpires: START }, { keyExpires: "1" }, { keyId: "" }, { sessionExpires: null }, { serverTime: undefined }]) {
  test(`an answer is not believed with ${JSON.stringify(change)}`, async () => {
    const world = new World();
    world.plan = [{ change }];
    const session = tab(world);
    await assert.rejects(session.signIn("ann", "correct horse"), web.FrontUnavailable);
    assert.equal(await session.current(), undefined);
  });
}

test("a session that cannot be kept is ended again", async () => {
  const world = new World();
  const store = { ...web.memoryStore(), write: () => Promise.reject(new Error("no room")) };
  await assert.rejects(tab(world, { store }).signIn("ann", "correct horse"), /no room/);
  assert.equal(world.named("sign-out").length, 1);
});

test("a sign-out deletes the key, whatever the front says", async () => {
  for (const [planned, told] of [[undefined, true], [refused(401, { error: "refused" }), true],
    [new TypeError("fetch failed"), false], [refused(503, {}), false], [new Response("", { status: 401 }), false]]) {
    const world = new World();
    const store = web.memoryStore();
    const session = await signedIn(world, { store });
    world.plan = [planned];
    assert.equal(await session.signOut(), told);
    assert.equal(await store.read("counterseal:/session"), undefined);
    assert.equal(session.state, "signed-out");
    await assert.rejects(session.fetch("/api"), web.SessionOver);
    assert.equal(world.api.length, 0);
  }
});

test("the key is gone before the front is asked", async () => {
  const world = new World();
  const store = web.memoryStore();
  const session = await signedIn(world, { store });
  let release;
  world.plan = [{ before: new Promise((resolve) => { release = resolve; }) }];
  const leaving = session.signOut();
  await until(() => world.named("sign-out").length === 1);
  assert.equal(await store.read("counterseal:/session"), undefined);
  release();
  assert.equal(await leaving, true);
});

test("other tabs hear of sign-ins and sign-outs", async () => {
  const world = new World();
  const shared = { store: web.memoryStore(), locks: new FakeLocks(), name: "heard" };
  const here = tab(world, shared);
  const there = tab(world, shared);
  const changes = [];
  const stop = there.onChange((state, session) => changes.push([state, session?.principal]));
  await here.signIn("ann", "correct horse");
  await until(() => there.state === "signed-in");
  await here.signOut();
  await until(() => there.state === "signed-out");
  assert.deepEqual(changes, [["signed-in", "ann"], ["signed-out", undefined]]);
  stop();
  await here.signIn("ann", "correct horse");
  await until(() => there.state === "signed-in");
  assert.equal(changes.length, 2);
});

test("a session that has lasted as long as it may is over", async () => {
  const world = new World();
  const store = web.memoryStore();
  const session = await signedIn(world, { store });
  world.now += 36_000_000;
  await assert.rejects(session.fetch("/api"), web.SessionOver);
  assert.equal(await store.read("counterseal:/session"), undefined);
  assert.equal(world.calls.length, 1);
});

test("the front must be on the page's own origin", () => {
  globalThis.location = { origin: ORIGIN, href: `${ORIGIN}/page/` };
  try {
    assert.throws(() => tab(new World(), { base: "https://front.example/session" }), TypeError);
    tab(new World(), { base: "/session/" }).close();
  } finally {
    delete globalThis.location;
  }
});

test("without IndexedDB the page is told what to do", async () => {
  const session = new web.Counterseal({ base: `${ORIGIN}/session` });
  await assert.rejects(session.current(), /memoryStore/);
});

test("a sign-in waits for a refresh that is under way, whose cookie would replace its own", async () => {
  const world = new World();
  const shared = { store: web.memoryStore(), locks: new FakeLocks() };
  const here = await signedIn(world, shared);
  let release;
  world.plan = [{ before: new Promise((resolve) => { release = resolve; }) }];
  const refreshing = here.refresh();
  await until(() => world.named("refresh").length === 1);
  const signingIn = tab(world, shared).signIn("ann", "correct horse");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(world.named("sign-in").length, 1);
  release();
  await Promise.all([refreshing, signingIn]);
  assert.deepEqual(world.calls.map((call) => call.name), ["sign-in", "refresh", "sign-in"]);
});
