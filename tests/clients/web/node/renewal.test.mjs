// Refreshes, and the clock.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeLocks, KEY_LIFE, refused, signedIn, START, tab, until, web, World } from "./support.mjs";

const NEAR = KEY_LIFE - KEY_LIFE / 10;
const created = (request) => Number(/created=(\d+)/.exec(request.headers.get("signature-input"))[1]);
const lost = () => new TypeError("connection lost");

test("a refresh is due in the last tenth of the key's life", async () => {
  const world = new World();
  const session = await signedIn(world);
  world.now += NEAR - 1;
  await session.fetch("/api");
  assert.equal(world.named("refresh").length, 0);
  world.now += 1;
  await session.fetch("/api");
  await session.fetch("/api");
  const [{ body, request }] = world.named("refresh");
  assert.equal(world.named("refresh").length, 1);
  assert.match(body.requestId, /^[\w-]{22}$/);
  assert.deepEqual(body.publicKey, world.named("sign-in")[0].body.publicKey);
  assert.equal(body.sessionId, "S1");
  assert.equal(request.headers.get("x-counterseal-csrf"), "1");
  assert.equal((await session.current()).keyExpires, START + NEAR + KEY_LIFE);
});

test("tabs refresh one at a time, and once", async () => {
  const world = new World();
  const locks = new FakeLocks();
  const shared = { store: web.memoryStore(), locks, name: "serial" };
  const tabs = [await signedIn(world, shared), tab(world, shared), tab(world, shared)];
  world.now += NEAR;
  locks.log.length = 0;
  await Promise.all(tabs.flatMap((each) => [each.fetch("/api"), each.fetch("/api")]));
  assert.equal(world.named("refresh").length, 1);
  assert.equal(world.api.length, 6);
  assert.deepEqual(locks.log, Array(6).fill(["+counterseal:serial", "-counterseal:serial"]).flat());
});

test("without locks of the browser the page keeps its own order", async () => {
  const { pageLocks } = await import(new URL("tabs.js", `file://${process.env.COUNTERSEAL_WEB}`));
  const world = new World();
  const session = await signedIn(world, { locks: pageLocks() });
  world.now += NEAR;
  world.plan = [lost(), lost()];
  await Promise.all([session.fetch("/api"), session.fetch("/api"), session.fetch("/api")]);
  assert.equal(world.named("refresh").length, 2); // One try and its retry. The two behind it left the front alone.
});

test("a lost answer is asked for again with the same id", async () => {
  const world = new World();
  const session = await signedIn(world);
  world.plan = [lost()];
  await session.refresh();
  const ids = world.named("refresh").map((call) => call.body.requestId);
  assert.equal(ids.length, 2);
  assert.equal(ids[0], ids[1]);
  await session.refresh();
  assert.notEqual(world.named("refresh")[2].body.requestId, ids[0]);
});

test("the id of a lost refresh outlasts the tab", async () => {
  const world = new World();
  const store = web.memoryStore();
  const session = await signedIn(world, { store });
  world.plan = [lost(), lost()];
  await assert.rejects(session.refresh(), web.FrontUnavailable);
  const reloaded = tab(world, { store });
  await reloaded.refresh();
  assert.equal(new Set(world.named("refresh").map((call) => call.body.requestId)).size, 1);
  assert.equal((await store.read("counterseal:/session")).pending, undefined);
});

test("while the key is good an outage of the front stops no request, and then it does", async () => {
  const world = new World();
  const session = await signedIn(world);
  world.now += NEAR;
  world.plan = Array(9).fill(0).map(lost);
  await session.fetch("/api");
  await session.fetch("/api");
  assert.equal(world.api.length, 2);
  assert.equal(world.named("refresh").length, 2); // The second request left the front alone.
  world.now += KEY_LIFE / 10;
  await assert.rejects(session.fetch("/api"), web.FrontUnavailable);
  assert.equal(world.api.length, 2);
  assert.equal(session.state, "signed-in");
  world.plan = [];
  world.now += 5_001;
  await session.fetch("/api");
  assert.equal(world.api.length, 3);
});

test("a refusal of the front ends the session in all tabs", async () => {
  const world = new World();
  const shared = { store: web.memoryStore(), name: "ended" };
  const session = await signedIn(world, shared);
  const other = tab(world, shared);
  await other.current();
  world.plan = [refused(401, { error: "refused" })];
  await assert.rejects(session.refresh(), web.SessionOver);
  assert.equal(await shared.store.read("counterseal:ended"), undefined);
  await until(() => other.state === "signed-out");
});

test("a refresh that asks for more than the sign-in did is refused, and the session goes on", async () => {
  const world = new World();
  const session = await signedIn(world);
  world.plan = [refused(409, { error: "not as begun" }), refused(409, { error: "not as begun" })];
  await assert.rejects(session.refresh(), web.FrontUnavailable);
  assert.equal(session.state, "signed-in");
  assert.equal((await session.fetch("/api")).status, 200);
});

for (const planned of [new Response("", { status: 401 }), refused(403, { error: "forbidden" }), refused(500, { error: "refused" })]) {
  test(`a ${planned.status} that is not the front's own no ends nothing`, async () => {
    const world = new World();
    const session = await signedIn(world);
    world.plan = [planned, planned.clone()];
    await assert.rejects(session.refresh(), web.FrontUnavailable);
    assert.ok(await session.current());
  });
}

test("the cookie of another session is not taken for this one's", async () => {
  const world = new World();
  const session = await signedIn(world);
  world.session = "S2";
  await assert.rejects(session.refresh(), web.SessionOver);
  assert.equal(await session.current(), undefined);
});

test("a refresh that ends after a sign-out brings nothing back", async () => {
  const world = new World();
  const store = web.memoryStore();
  const session = await signedIn(world, { store });
  let release;
  world.plan = [{ before: new Promise((resolve) => { release = resolve; }) }];
  const refreshing = session.refresh();
  await until(() => world.named("refresh").length === 1);
  const leaving = session.signOut();
  await until(async () => (await store.read("counterseal:/session")) === undefined);
  release();
  await assert.rejects(refreshing, web.SessionOver);
  assert.equal(await leaving, true);
  assert.equal(await session.current(), undefined);
  assert.deepEqual(world.calls.map((call) => call.name), ["sign-in", "refresh", "sign-out"]);
});

test("the clock of the device does not matter", async () => {
  for (const deviceAhead of [-7_200_000, 7_200_000]) {
    const world = new World();
    world.deviceAhead = deviceAhead;
    const session = await signedIn(world);
    await session.fetch("/api");
    assert.equal(created(world.api[0]), START / 1000);
  }
});

for (const state of [401, 403]) {
  test(`a ${state} with another time sets the clock, and the request is sent once more`, async () => {
    const world = new World();
    const store = web.memoryStore();
    const session = await signedIn(world, { store });
    world.deviceAhead = 400_000; // The user sets the clock, or the device wakes up with another one.
    const date = new Date(world.now).toUTCString();
    world.respond = (request) =>
      Math.abs(created(request) * 1000 - world.now) > 300_000 ? new Response("", { status: state, headers: { date } }) : new Response("ok");
    const response = await session.fetch("/api", { method: "POST", body: "pay 5" });
    assert.equal(await response.text(), "ok");
    assert.deepEqual(await Promise.all(world.api.map((request) => request.text())), ["pay 5", "pay 5"]);
    const nonces = world.api.map((request) => /nonce="([^"]+)"/.exec(request.headers.get("signature-input"))[1]);
    assert.notEqual(nonces[0], nonces[1]);
    await tab(world, { store }).fetch("/api");
    assert.equal(world.api.length, 3);
  });
}

test("a refusal is sent once more only where the time explains it, and only once", async () => {
  for (const [date, times] of [[START, 1], [START + 4_000, 1], [START - 3_600_000, 2], [undefined, 1], [NaN, 1]]) {
    const world = new World();
    const session = await signedIn(world);
    const text = date === undefined ? {} : { date: Number.isNaN(date) ? "yesterday" : new Date(date).toUTCString() };
    world.respond = () => new Response("", { status: 401, headers: text });
    assert.equal((await session.fetch("/api")).status, 401);
    assert.equal(world.api.length, times);
  }
});
