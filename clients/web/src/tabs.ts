// Tabs of one origin share the session: one of them refreshes at a time, and each hears what another did.

/** The part of `navigator.locks` that is used. */
export interface Locks {
  request<T>(name: string, work: () => Promise<T>): Promise<T>;
}

/** What tabs tell each other. The store is the truth: a message only says that it is time to look. */
export interface TabMessage {
  kind: "signed-in" | "signed-out" | "refreshed";
  /** A new bearer token, since the one before has ended. It is in the memory of tabs alone. */
  token?: AccessToken;
}

/** A bearer token. Times are Unix milliseconds. */
export interface AccessToken {
  text: string;
  began: number;
  expires: number;
}

/** The browser's locks; where there are none, a queue in this page, since there is no other tab that could be asked. */
export function browserLocks(): Locks {
  const locks = globalThis.navigator?.locks;
  if (locks) return { request: <T>(name: string, work: () => Promise<T>) => locks.request(name, work) as Promise<T> };
  return pageLocks();
}

export function pageLocks(): Locks {
  const queues = new Map<string, Promise<unknown>>();
  return {
    request<T>(name: string, work: () => Promise<T>): Promise<T> {
      const before = queues.get(name) ?? Promise.resolve();
      const done = before.then(work, work);
      queues.set(name, done.catch(() => undefined));
      return done;
    },
  };
}

/** The way to the other tabs. */
export class Tabs {
  readonly #channel: BroadcastChannel | undefined;

  constructor(name: string, listener: (message: TabMessage) => void) {
    if (!globalThis.BroadcastChannel) return;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = (event: MessageEvent<TabMessage>) => listener(event.data);
    // Under Node a channel keeps the process alive.
    (this.#channel as { unref?: () => void }).unref?.();
  }

  tell(message: TabMessage): void {
    this.#channel?.postMessage(message);
  }

  close(): void {
    this.#channel?.close();
  }
}
