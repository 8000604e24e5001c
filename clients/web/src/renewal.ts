// Refreshing: in time, by one tab, and so that a lost answer is asked for again instead of ending the session.

import { randomId } from "./encoding.js";
import { FrontUnavailable, NotSignable, SessionOver } from "./errors.js";
import type { Front, FrontAnswer } from "./front.js";
import { type Held, keptOf } from "./held.js";
import { publicJwk } from "./keys.js";
import type { Settings } from "./options.js";
import type { StoredSession } from "./store.js";

// After an outage the front is left alone for so many milliseconds, as long as the key is good.
const PAUSE = 5_000;

export class Renewal {
  readonly #settings: Settings;
  readonly #front: Front;
  readonly #held: Held;
  #quietUntil = 0;

  constructor(settings: Settings, front: Front, held: Held) {
    this.#settings = settings;
    this.#front = front;
    this.#held = held;
  }

  /**
   * Returns the session with a key, and a token where `bearer` needs one, that is good for a while.
   *
   * Throws SessionOver; NotSignable; FrontUnavailable where a refresh is due and what there is has ended.
   */
  async live(bearer: boolean): Promise<StoredSession> {
    const session = await this.#held.load();
    if (!session) throw new SessionOver("nobody is signed in");
    // The front would refuse, and rightly: a script could ask as well, and take the token along.
    if (bearer && !session.wantsToken) throw new NotSignable("the session was begun without bearer tokens");
    const due = (kept: StoredSession) => this.#due(kept, bearer);
    if (!due(session)) return session;
    try {
      return await this.refresh(due);
    } catch (error) {
      // The front does not answer, and what there is will do for now.
      if (error instanceof FrontUnavailable && this.#usable(session, bearer)) return session;
      throw error;
    }
  }

  /** Refreshes unless another tab just did: `due` is asked once it is this tab's turn. Throws SessionOver, FrontUnavailable. */
  refresh(due: (session: StoredSession) => boolean): Promise<StoredSession> {
    return this.#settings.locks.request(this.#settings.name, async () => {
      const session = await this.#held.load();
      if (!session) throw new SessionOver("nobody is signed in");
      if (!due(session)) return session;
      if (this.#settings.clock() < this.#quietUntil) throw new FrontUnavailable("the front did not answer a moment ago");
      return this.#ask(session);
    });
  }

  #due(session: StoredSession, bearer: boolean): boolean {
    const now = this.#held.now(session);
    const { token } = this.#held;
    if (isNearEnd(session.keyBegan, session.keyExpires, now)) return true;
    return bearer && (!token || isNearEnd(token.began, token.expires, now));
  }

  #usable(session: StoredSession, bearer: boolean): boolean {
    const now = this.#held.now(session);
    const { token } = this.#held;
    return now < session.keyExpires && (!bearer || (token !== undefined && now < token.expires));
  }

  async #ask(session: StoredSession): Promise<StoredSession> {
    // Kept before it is used: when the answer is lost, even with the tab, the next attempt is known for the same one.
    const asking = { ...session, pending: session.pending ?? randomId() };
    if (!(await this.#held.goOn(asking))) throw new SessionOver("signed out meanwhile");
    const answer = await this.#answer(asking);
    const { pending: _, ...rest } = asking;
    const refreshed = { ...rest, ...keptOf(answer) };
    if (!(await this.#held.goOn(refreshed, answer))) throw new SessionOver("signed out meanwhile");
    return refreshed;
  }

  async #answer(session: StoredSession & { pending: string }): Promise<FrontAnswer> {
    const publicKey = await publicJwk(session.publicKey);
    const { sessionId, wantsToken: accessToken, pending: requestId } = session;
    const body = { sessionId, publicKey, accessToken, requestId };
    try {
      const answer = await this.#front.refresh(body).catch((error: unknown) => {
        if (error instanceof FrontUnavailable) return this.#front.refresh(body);
        throw error;
      });
      // The cookie is of another session: whoever that is, it is not the one whom this page shows.
      if (answer.sessionId !== sessionId) throw new SessionOver("another session has taken this one's place");
      return answer;
    } catch (error) {
      if (error instanceof SessionOver) await this.#held.forget();
      if (error instanceof FrontUnavailable) this.#quietUntil = this.#settings.clock() + PAUSE;
      throw error;
    }
  }
}

/** Whether no more than a tenth of a life is left. */
function isNearEnd(began: number, expires: number, now: number): boolean {
  return expires - now <= (expires - began) / 10;
}
