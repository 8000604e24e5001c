// The front: the web application's own server, which holds the refresh token in a cookie that no script reads.

import { FrontUnavailable, SessionOver, SignInRefused } from "./errors.js";
import type { PublicJwk } from "./keys.js";

/** What the front answers to a sign-in and a refresh. Times are Unix milliseconds. `clockOffset` is worked out here. */
export interface FrontAnswer {
  sessionId: string;
  principal: string;
  keyId: string;
  keyExpires: number;
  sessionExpires: number;
  serverTime: number;
  clockOffset: number;
  accessToken?: string;
  accessTokenExpires?: number;
}

export interface SignInBody {
  principal: string;
  password: string;
  tenant?: string;
  publicKey: PublicJwk;
  accessToken: boolean;
}

/** `sessionId`: the session that the page means, whatever cookie the browser sends. */
export interface RefreshBody {
  sessionId: string;
  publicKey: PublicJwk;
  accessToken: boolean;
  requestId: string;
}

interface Reply {
  state: number;
  json: Record<string, unknown>;
  began: number;
}

/** Asks the front. Whatever is neither a yes nor a no of the documented form is an outage. */
export class Front {
  readonly #base: URL;
  readonly #send: typeof fetch;
  readonly #clock: () => number;
  readonly #timeout: number;

  constructor(base: URL, send: typeof fetch, clock: () => number, timeout: number) {
    this.#base = base;
    this.#send = send;
    this.#clock = clock;
    this.#timeout = timeout;
  }

  /** Throws SignInRefused, FrontUnavailable. */
  async signIn(body: SignInBody): Promise<FrontAnswer> {
    const reply = await this.#post("sign-in", body);
    const { error, retryAfter } = reply.json;
    if (reply.state === 401 && error === "refused") throw new SignInRefused("the sign-in was refused");
    if (reply.state === 429 && error === "throttled") {
      const seconds = typeof retryAfter === "number" && retryAfter >= 0 ? retryAfter : 60;
      throw new SignInRefused("too many attempts to sign in", seconds);
    }
    return this.#answer(reply);
  }

  /** Throws SessionOver, FrontUnavailable. */
  async refresh(body: RefreshBody): Promise<FrontAnswer> {
    const reply = await this.#post("refresh", body);
    // A bare 401 may come from anything on the way. Only the front's own no ends the session here; not its 409, which says
    // that the session goes on, and that a refresh has to ask for what the sign-in asked for.
    if (reply.state === 401 && reply.json["error"] === "refused") throw new SessionOver("the session has ended");
    return this.#answer(reply);
  }

  /** Throws FrontUnavailable. A session that had ended before is no error. */
  async signOut(): Promise<void> {
    const reply = await this.#post("sign-out", {});
    const over = reply.state === 401 && reply.json["error"] === "refused";
    if (!over && (reply.state < 200 || reply.state > 299)) throw new FrontUnavailable(`the front answered ${reply.state}`);
  }

  async #post(path: string, body: object): Promise<Reply> {
    const began = this.#clock();
    try {
      const response = await this.#send(`${this.#base.href}/${path}`, {
        method: "POST",
        // A form of another site can send neither: both make a cross-origin page ask first, and the front says no.
        headers: { "content-type": "application/json", "x-counterseal-csrf": "1" },
        body: JSON.stringify(body),
        credentials: "same-origin",
        cache: "no-store",
        redirect: "error",
        signal: AbortSignal.timeout(this.#timeout),
      });
      return { state: response.status, json: readObject(await response.text()), began };
    } catch (cause) {
      throw new FrontUnavailable("the front does not answer", { cause });
    }
  }

  #answer({ state, json, began }: Reply): FrontAnswer {
    if (state < 200 || state > 299) throw new FrontUnavailable(`the front answered ${state}`);
    const serverTime = number(json, "serverTime");
    const answer: FrontAnswer = {
      sessionId: text(json, "sessionId"),
      principal: text(json, "principal"),
      keyId: text(json, "keyId"),
      keyExpires: number(json, "keyExpires"),
      sessionExpires: number(json, "sessionExpires"),
      serverTime,
      // The service's time lies somewhere between question and answer: off by half of that at most.
      clockOffset: Math.round(serverTime - (began + this.#clock()) / 2),
    };
    if (json["accessToken"] !== undefined && json["accessToken"] !== null) {
      answer.accessToken = text(json, "accessToken");
      answer.accessTokenExpires = number(json, "accessTokenExpires");
    }
    if (answer.keyExpires <= serverTime) throw new FrontUnavailable("the front answered with a key that has ended");
    return answer;
  }
}

function readObject(body: string): Record<string, unknown> {
  try {
    const read: unknown = JSON.parse(body);
    return typeof read === "object" && read !== null ? (read as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function text(json: Record<string, unknown>, name: string): string {
  const value = json[name];
  if (typeof value !== "string" || value === "") throw new FrontUnavailable(`the front's answer has no ${name}`);
  return value;
}

function number(json: Record<string, unknown>, name: string): number {
  const value = json[name];
  if (typeof value !== "number" || !Number.isFinite(value)) throw new FrontUnavailable(`the front's answer has no ${name}`);
  return value;
}
