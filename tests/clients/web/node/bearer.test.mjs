// The bearer token: where there is one, when it is fetched again, and how tabs share it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeLocks, KEY_LIFE, signedIn, tab, turns, until, web, World } from "./support.mjs";

test("the bearer token goes alone, and is fetched again after a reload", async () => {
  const world = new World();
  const store = web.memoryStore();
  const session = await signedIn(world, { store }, { accessToken: true });
  await session.fetch("/api", { bearer: true, method: "POST", body: "a" });
  const fields = (request) => [request.headers.get("authorization"), request.headers.get("signature")];
  assert.deepEqual(fields(world.api[0]), ["Bearer cstk_1", null]);
  await tab(world, { store }).fetch("/api", { bearer: true });
  assert.deepEqual(fields(world.api[1]), ["Bearer cstk_2", null]);
  assert.equal(world.named("refresh")[0].body.accessToken, true);
});

test("no bearer token is asked for where the session began without one, nor is that remembered for the next refresh", async () => {
  const world = new World();
  const session = await signedIn(world);
  await assert.rejects(session.fetch("/api", { bearer: true }), web.NotSignable);
  assert.deepEqual([world.api.length, world.named("refresh").length], [0, 0]);
  world.now += KEY_LIFE;
  await session.fetch("/api");
  assert.deepEqual(world.named("refresh").map(({ body }) => body.accessToken), [false]);
});

test("the bearer token is fetched again when it ends", async () => {
  const world = new World();
  const session = await signedIn(world, {}, { accessToken: true });
  await session.fetch("/api", { bearer: true });
  world.now += KEY_LIFE / 2;
  await session.fetch("/api", { bearer: true });
  const sent = world.api.map((request) => request.headers.get("authorization"));
  assert.deepEqual(sent, ["Bearer cstk_1", "Bearer cstk_2"]);
});

test("tabs pass a new token on, since the one before has ended", async () => {
  const world = new World();
  const shared = { store: web.memoryStore(), locks: new FakeLocks(), name: "passed" };
  const here = await signedIn(world, shared, { accessToken: true });
  const there = tab(world, shared);
  await here.refresh();
  for (const each of [there, here]) {
    await until(async () => {
      await each.fetch("/api", { bearer: true });
      return world.api.at(-1).headers.get("authorization") === `Bearer cstk_${world.tokens}`;
    });
  }
  // Who did not hear in time fetched a token of its own, which ended the other's. Now both have the same.
  assert.ok(world.tokens <= 3);
});

test("a token that another tab's refresh has ended meanwhile is tried again with the new one, once", async () => {
  const world = new World();
  const shared = { store: web.memoryStore(), locks: new FakeLocks(), name: "overtaken" };
  const here = await signedIn(world, shared, { accessToken: true });
  const there = tab(world, shared);
  let refreshed;
  world.respond = async () => {
    if (!refreshed) {
      refreshed = there.refresh();
      await refreshed;
      await turns(20); // The message to this tab is under way.
    }
    return new Response("", { status: 401 });
  };
  assert.equal((await here.fetch("/api", { bearer: true })).status, 401);
  const sent = world.api.map((request) => request.headers.get("authorization"));
  assert.deepEqual(sent, ["Bearer cstk_1", "Bearer cstk_2"]);
});

test("where the front gives out no token, nothing is sent in its place", async () => {
  const world = new World();
  world.plan = [undefined, { change: { accessToken: undefined } }, { change: { accessToken: null } }];
  const session = await signedIn(world, {}, { accessToken: true });
  world.now += KEY_LIFE / 2;
  await assert.rejects(session.fetch("/api", { bearer: true }), web.NotSignable);
  await assert.rejects(session.fetch("/api", { bearer: true }), web.NotSignable);
  assert.equal(world.api.length, 0);
});

test("a token that is refused, and still the newest, is not tried again", async () => {
  const world = new World();
  const session = await signedIn(world, {}, { accessToken: true });
  world.respond = () => new Response("", { status: 401 });
  assert.equal((await session.fetch("/api", { bearer: true })).status, 401);
  assert.equal(world.api.length, 1);
});
