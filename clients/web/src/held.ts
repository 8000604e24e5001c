// The session as this tab holds it: what is in the store, the bearer token in memory, and who wants to hear of changes.

import type { FrontAnswer } from "./front.js";
import type { Settings } from "./options.js";
import type { StoredSession } from "./store.js";
import { type AccessToken, type TabMessage, Tabs } from "./tabs.js";

/** `unknown` until the store was looked at: by `current`, `fetch` or a sign-in. */
export type SessionState = "unknown" | "signed-in" | "signed-out";

/** What a page may know of its session. Times are Unix milliseconds by the service's clock. */
export interface SessionInfo {
  sessionId: string;
  principal: string;
  keyId: string;
  keyExpires: number;
  sessionExpires: number;
}

export type Listener = (state: SessionState, session: SessionInfo | undefined) => void;

/** What an answer of the front changes in what is kept. */
export type Kept = SessionInfo & Pick<StoredSession, "keyBegan" | "clockOffset">;

export class Held {
  readonly listeners = new Set<Listener>();
  state: SessionState = "unknown";
  token: AccessToken | undefined;
  readonly #settings: Settings;
  readonly #tabs: Tabs;
  #shown: SessionInfo | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#tabs = new Tabs(settings.name, (message) => void this.#hear(message));
  }

  /** The service's time as far as this device knows it, in Unix milliseconds. */
  now(session: StoredSession): number {
    return this.#settings.clock() + session.clockOffset;
  }

  /** What the store holds. A session that has ended is none, and is deleted. */
  async load(): Promise<StoredSession | undefined> {
    const session = await this.#settings.store.read(this.#settings.name);
    if (session?.version === 1 && this.now(session) < session.sessionExpires) {
      this.#show("signed-in", session);
      return session;
    }
    if (session) await this.#settings.store.remove(this.#settings.name);
    this.#show("signed-out");
    return undefined;
  }

  /** Keeps a new session, in place of any other. */
  async begin(session: StoredSession, answer: FrontAnswer): Promise<void> {
    await this.#settings.store.write(this.#settings.name, session);
    this.#announce("signed-in", answer);
    this.#show("signed-in", session);
  }

  /** Keeps a session that goes on. False: it was signed out, or replaced, meanwhile; nothing was kept. */
  async goOn(session: StoredSession, answer?: FrontAnswer): Promise<boolean> {
    if (!(await this.#settings.store.replace(this.#settings.name, session))) return false;
    if (answer) {
      this.#announce("refreshed", answer);
      this.#show("signed-in", session);
    }
    return true;
  }

  /** Deletes the key. The other tabs hear of it even where that fails. */
  async forget(): Promise<void> {
    try {
      await this.#settings.store.remove(this.#settings.name);
    } finally {
      this.#tabs.tell({ kind: "signed-out" });
      this.#show("signed-out");
    }
  }

  close(): void {
    this.#tabs.close();
    this.listeners.clear();
  }

  #announce(kind: "signed-in" | "refreshed", answer: FrontAnswer): void {
    // A refresh ends the token before, whether or not it brings another one.
    const { accessToken, accessTokenExpires = 0, serverTime } = answer;
    this.token = accessToken === undefined ? undefined : { text: accessToken, began: serverTime, expires: accessTokenExpires };
    this.#tabs.tell(this.token ? { kind, token: this.token } : { kind });
  }

  async #hear(message: TabMessage): Promise<void> {
    this.token = message.token;
    await this.load().catch(() => undefined); // A store that fails now fails again when it is needed, where somebody listens.
  }

  #show(state: SessionState, session?: StoredSession): void {
    if (state === "signed-out") this.token = undefined;
    const shown = session && infoOf(session);
    const same = state === this.state && JSON.stringify(shown) === JSON.stringify(this.#shown);
    this.state = state;
    this.#shown = shown;
    if (!same) for (const listener of this.listeners) listener(state, shown);
  }
}

/** What a page is shown of a session: neither keys nor what is only kept for the next refresh. */
export function infoOf({ sessionId, principal, keyId, keyExpires, sessionExpires }: StoredSession): SessionInfo {
  return { sessionId, principal, keyId, keyExpires, sessionExpires };
}

export function keptOf(answer: FrontAnswer): Kept {
  const { sessionId, principal, keyId, keyExpires, sessionExpires, serverTime, clockOffset } = answer;
  return { sessionId, principal, keyId, keyExpires, sessionExpires, keyBegan: serverTime, clockOffset };
}
