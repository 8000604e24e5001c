// The session of a page: signs in and out, signs requests, and refreshes before the key ends.

import { randomId } from "./encoding.js";
import { FrontUnavailable, NotSignable } from "./errors.js";
import { Front } from "./front.js";
import { Held, infoOf, keptOf, type Listener, type SessionInfo, type SessionState } from "./held.js";
import { makeKeys, publicJwk } from "./keys.js";
import { type CountersealOptions, here, settle, type Settings } from "./options.js";
import { Renewal } from "./renewal.js";
import { complete, prepare, type PreparedRequest, type SessionRequestInit } from "./request.js";
import { contentDigest, type Signable, sign } from "./signature.js";
import type { StoredSession } from "./store.js";

export interface SignInOptions {
  tenant?: string;
  /**
   * Ask for a bearer token too, for `fetch` with `bearer`. It is kept in memory alone. Without it the front gives none for as
   * long as the session lives: neither to this module, nor to a script that was injected into the page.
   */
  accessToken?: boolean;
}

/** An answer, and what the request was made with. */
interface Sent {
  response: Response;
  session: StoredSession;
  token: string | undefined;
}

// The `Date` field has whole seconds, and travels: a clock that is off by no more milliseconds than this is not off.
const CLOCK_TOLERANCE = 5_000;

/** A session. All objects of the same name, in all tabs of the origin, are one session. */
export class Counterseal {
  readonly #settings: Settings;
  readonly #front: Front;
  readonly #held: Held;
  readonly #renewal: Renewal;

  constructor(options: CountersealOptions = {}) {
    this.#settings = settle(options);
    const { base, send, clock, timeout } = this.#settings;
    this.#front = new Front(base, send, clock, timeout);
    this.#held = new Held(this.#settings);
    this.#renewal = new Renewal(this.#settings, this.#front, this.#held);
  }

  /** Whether somebody is signed in, as far as this page knows. */
  get state(): SessionState {
    return this.#held.state;
  }

  /** Calls `listener` after every change, also of other tabs' making. Returns what ends that. */
  onChange(listener: Listener): () => void {
    this.#held.listeners.add(listener);
    return () => void this.#held.listeners.delete(listener);
  }

  /** The session, also after a reload; undefined: nobody is signed in. Asks the store, not the front. */
  async current(): Promise<SessionInfo | undefined> {
    const session = await this.#held.load();
    return session && infoOf(session);
  }

  /** Makes a key and signs in. Throws SignInRefused, FrontUnavailable. */
  async signIn(principal: string, password: string, options: SignInOptions = {}): Promise<SessionInfo> {
    const { algorithm, locks, name } = this.#settings;
    const { privateKey, publicKey } = await makeKeys(algorithm);
    const { tenant, accessToken = false } = options;
    const body = { principal, password, publicKey: await publicJwk(publicKey), accessToken };
    // By one tab, as for a refresh: the later answer would overwrite the cookie of the other.
    return locks.request(name, async () => {
      const answer = await this.#front.signIn(tenant === undefined ? body : { ...body, tenant });
      const made = { version: 1, algorithm, privateKey, publicKey, wantsToken: accessToken } as const;
      const session: StoredSession = { ...made, ...keptOf(answer) };
      try {
        await this.#held.begin(session, answer);
      } catch (error) {
        // Without its key the session is of no use to anybody but a thief of the cookie.
        await this.#front.signOut().catch(() => undefined);
        throw error;
      }
      return infoOf(session);
    });
  }

  /**
   * Does what the browser's `fetch` does, with a signature of method, authority, path, query and body.
   *
   * Throws NotSignable, SessionOver, FrontUnavailable (the key has ended and the front does not answer), and what `fetch` throws.
   */
  async fetch(input: RequestInfo | URL, init: SessionRequestInit = {}): Promise<Response> {
    const { bearer = false, ...rest } = init;
    const { origins, bodyLimit } = this.#settings;
    const prepared = await prepare(input, rest, { here: here(this.#settings), origins, bodyLimit });
    const first = await this.#send(prepared, bearer);
    const again = bearer ? this.#hasOtherToken(first) : await this.#correctClock(first);
    if (!again) return first.response;
    await first.response.body?.cancel();
    return (await this.#send(prepared, bearer)).response;
  }

  /** Prolongs the session now, without waiting for the key's end to come near. Throws SessionOver, FrontUnavailable. */
  async refresh(): Promise<SessionInfo> {
    return infoOf(await this.#renewal.refresh(() => true));
  }

  /**
   * Deletes the key, here and so for all tabs, and tells the front. Returns whether the front confirmed it: false means that the
   * session may live on there, without anybody who could sign for it, until it is not refreshed in time.
   */
  async signOut(): Promise<boolean> {
    await this.#held.forget();
    try {
      // Behind a refresh that is under way, so that the cookie is the newest one.
      await this.#settings.locks.request(this.#settings.name, () => this.#front.signOut());
      return true;
    } catch (error) {
      if (error instanceof FrontUnavailable) return false;
      throw error;
    }
  }

  /** Stops listening to other tabs. The session goes on. */
  close(): void {
    this.#held.close();
  }

  async #send(prepared: PreparedRequest, bearer: boolean): Promise<Sent> {
    const session = await this.#renewal.live(bearer);
    const token = this.#held.token?.text;
    if (bearer && token === undefined) throw new NotSignable("the front gave out no bearer token");
    const fields = bearer ? { authorization: `Bearer ${token}` } : await this.#sign(prepared, session);
    return { response: await this.#settings.send(complete(prepared, fields)), session, token };
  }

  async #sign({ method, url, headers, body }: PreparedRequest, session: StoredSession): Promise<Record<string, string>> {
    const signable: Signable = { method, url };
    if (body) {
      signable.contentDigest = await contentDigest(body);
      signable.contentType = headers.get("content-type") ?? "";
    }
    const created = Math.floor(this.#held.now(session) / 1000);
    const parameters = { created, nonce: randomId(), keyid: session.keyId, alg: session.algorithm };
    const { signatureInput, signature } = await sign(signable, parameters, session.privateKey);
    const digest = signable.contentDigest === undefined ? {} : { "content-digest": signable.contentDigest };
    return { ...digest, "signature-input": signatureInput, signature };
  }

  /** Whether a token was refused that another tab's refresh has ended meanwhile. */
  #hasOtherToken({ response, token }: Sent): boolean {
    return response.status === 401 && this.#held.token !== undefined && this.#held.token.text !== token;
  }

  /** Sets the clock by a refusal's `Date`, and says whether it was off: then the refusal may have been for that alone. */
  async #correctClock({ response, session }: Sent): Promise<boolean> {
    if (![401, 403].includes(response.status)) return false;
    const date = Date.parse(response.headers.get("date") ?? "");
    const isOff = (by: StoredSession) => Math.abs(date - this.#held.now(by)) > CLOCK_TOLERANCE;
    if (Number.isNaN(date) || !isOff(session)) return false;
    const newest = await this.#held.load();
    if (!newest || !isOff(newest)) return newest !== undefined; // Another request was faster.
    return this.#held.goOn({ ...newest, clockOffset: date - this.#settings.clock() });
  }
}
