// A front to talk to, tabs that share a store, and a clock that is set by hand.
import { pathToFileURL } from "node:url";

/** The module under test: what tsc built of it, or the one file that the demonstration serves. */
export const web = await import(pathToFileURL(process.env.COUNTERSEAL_WEB).href);
/** One of its inner modules. */
export const inner = (name) => import(new URL(name, pathToFileURL(process.env.COUNTERSEAL_WEB)).href);

export const ORIGIN = "http://app.test:8000";
export const START = 1_700_000_000_000;
export const KEY_LIFE = 600_000;
const SESSION_LIFE = 36_000_000;

/** The front and the API behind it. `plan` answers in place of the next calls: an Error is a broken connection, after the work. */
export class World {
  now = START; // of the service
  deviceAhead = 0;
  calls = [];
  api = [];
  plan = [];
  session = "S1";
  tokens = 0;
  respond = () => new Response("ok");

  clock = () => this.now + this.deviceAhead;

  fetch = async (input, init) => {
    const request = new Request(input, init);
    const { pathname } = new URL(request.url);
    if (!pathname.startsWith("/session/")) {
      this.api.push(request);
      return this.respond(request);
    }
    const call = { name: pathname.slice("/session/".length), request, body: await request.json() };
    this.calls.push(call);
    const planned = this.plan.shift();
    await planned?.before;
    if (planned instanceof Error) throw planned;
    return planned instanceof Response ? planned : Response.json(this.answer(call.body, planned?.change));
  };

  answer(body, change = {}) {
    const token = body.accessToken ? { accessToken: `cstk_${++this.tokens}`, accessTokenExpires: this.now + KEY_LIFE / 2 } : {};
    const times = { keyExpires: this.now + KEY_LIFE, sessionExpires: this.now + SESSION_LIFE, serverTime: this.now };
    return { sessionId: this.session, principal: "ann", keyId: "CSPK1", ...times, ...token, ...change };
  }

  named(name) {
    return this.calls.filter((call) => call.name === name);
  }
}

/** A session of the world. Tabs of one browser are given the same store and locks. */
export function tab(world, more = {}) {
  const options = { base: `${ORIGIN}/session`, fetch: world.fetch, clock: world.clock, store: web.memoryStore() };
  return new web.Counterseal({ ...options, ...more });
}

export async function signedIn(world, more = {}, options = {}) {
  const session = tab(world, more);
  await session.signIn("ann", "correct horse", options);
  return session;
}

/** Locks as navigator.locks has them, with a record of who held what. */
export class FakeLocks {
  log = [];
  #queue = Promise.resolve();
  request(name, work) {
    const turn = async () => {
      this.log.push(`+${name}`);
      try {
        return await work();
      } finally {
        this.log.push(`-${name}`);
      }
    };
    const done = this.#queue.then(turn, turn);
    this.#queue = done.catch(() => undefined);
    return done;
  }
}

export const refused = (state, body) => Response.json(body, { status: state });

/** Lets messages between tabs arrive, which takes a turn or two, however long a turn takes. */
export async function turns(count) {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Waits until `condition` holds. */
export async function until(condition) {
  for (let tried = 0; tried < 5000; tried += 1) {
    if (await condition()) return;
    await turns(1);
  }
  throw new Error("never came true");
}
