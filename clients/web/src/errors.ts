// What can go wrong. A refusal and an outage never share a type: after a refusal the user has to do something, after an outage
// the page tries again.

/** The front refused the sign-in. It does not say whether the name or the password was wrong. */
export class SignInRefused extends Error {
  override readonly name = "SignInRefused";
  /** Seconds until it makes sense to try again. Undefined: it was not for too many attempts. */
  readonly retryAfter: number | undefined;

  constructor(message: string, retryAfter?: number) {
    super(message);
    this.retryAfter = retryAfter;
  }

  /** Whether there were too many attempts: the password was not even looked at. */
  get throttled(): boolean {
    return this.retryAfter !== undefined;
  }
}

/** There is no session, or it has ended: the user has to sign in. The key is deleted. */
export class SessionOver extends Error {
  override readonly name = "SessionOver";
}

/** The front could not be reached, or answered something that is neither a yes nor a no. Nothing is known, and nothing deleted. */
export class FrontUnavailable extends Error {
  override readonly name = "FrontUnavailable";
}

/** The request cannot be signed as it stands. A mistake of the page: nothing was sent. */
export class NotSignable extends TypeError {
  override readonly name = "NotSignable";
}
