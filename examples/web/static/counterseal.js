// Built from clients/web/src by clients/web/bundle.mjs: change it there.
// SPDX-License-Identifier: Apache-2.0

// ---- errors.js

// What can go wrong. A refusal and an outage never share a type: after a refusal the user has to do something, after an outage
// the page tries again.
/** The front refused the sign-in. It does not say whether the name or the password was wrong. */
class SignInRefused extends Error {
    name = "SignInRefused";
    /** Seconds until it makes sense to try again. Undefined: it was not for too many attempts. */
    retryAfter;
    constructor(message, retryAfter) {
        super(message);
        this.retryAfter = retryAfter;
    }
    /** Whether there were too many attempts: the password was not even looked at. */
    get throttled() {
        return this.retryAfter !== undefined;
    }
}
/** There is no session, or it has ended: the user has to sign in. The key is deleted. */
class SessionOver extends Error {
    name = "SessionOver";
}
/** The front could not be reached, or answered something that is neither a yes nor a no. Nothing is known, and nothing deleted. */
class FrontUnavailable extends Error {
    name = "FrontUnavailable";
}
/** The request cannot be signed as it stands. A mistake of the page: nothing was sent. */
class NotSignable extends TypeError {
    name = "NotSignable";
}

// ---- encoding.js

// Bytes as text.
/** Base64 with padding (RFC 4648 section 4), for the few bytes of a digest or a signature. */
function base64(bytes) {
    return btoa(String.fromCharCode(...bytes));
}
/** 128 random bits in the 22 characters of base64url (RFC 4648 section 5): for nonces and ids of requests. */
function randomId() {
    return base64(crypto.getRandomValues(new Uint8Array(16))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

// ---- front.js

// The front: the web application's own server, which holds the refresh token in a cookie that no script reads.
/** Asks the front. Whatever is neither a yes nor a no of the documented form is an outage. */
class Front {
    #base;
    #send;
    #clock;
    #timeout;
    constructor(base, send, clock, timeout) {
        this.#base = base;
        this.#send = send;
        this.#clock = clock;
        this.#timeout = timeout;
    }
    /** Throws SignInRefused, FrontUnavailable. */
    async signIn(body) {
        const reply = await this.#post("sign-in", body);
        const { error, retryAfter } = reply.json;
        if (reply.state === 401 && error === "refused")
            throw new SignInRefused("the sign-in was refused");
        if (reply.state === 429 && error === "throttled") {
            const seconds = typeof retryAfter === "number" && retryAfter >= 0 ? retryAfter : 60;
            throw new SignInRefused("too many attempts to sign in", seconds);
        }
        return this.#answer(reply);
    }
    /** Throws SessionOver, FrontUnavailable. */
    async refresh(body) {
        const reply = await this.#post("refresh", body);
        // A bare 401 may come from anything on the way. Only the front's own no ends the session here; not its 409, which says
        // that the session goes on, and that a refresh has to ask for what the sign-in asked for.
        if (reply.state === 401 && reply.json["error"] === "refused")
            throw new SessionOver("the session has ended");
        return this.#answer(reply);
    }
    /** Throws FrontUnavailable. A session that had ended before is no error. */
    async signOut() {
        const reply = await this.#post("sign-out", {});
        const over = reply.state === 401 && reply.json["error"] === "refused";
        if (!over && (reply.state < 200 || reply.state > 299))
            throw new FrontUnavailable(`the front answered ${reply.state}`);
    }
    async #post(path, body) {
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
        }
        catch (cause) {
            throw new FrontUnavailable("the front does not answer", { cause });
        }
    }
    #answer({ state, json, began }) {
        if (state < 200 || state > 299)
            throw new FrontUnavailable(`the front answered ${state}`);
        const serverTime = number(json, "serverTime");
        const answer = {
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
        if (answer.keyExpires <= serverTime)
            throw new FrontUnavailable("the front answered with a key that has ended");
        return answer;
    }
}
function readObject(body) {
    try {
        const read = JSON.parse(body);
        return typeof read === "object" && read !== null ? read : {};
    }
    catch {
        return {};
    }
}
function text(json, name) {
    const value = json[name];
    if (typeof value !== "string" || value === "")
        throw new FrontUnavailable(`the front's answer has no ${name}`);
    return value;
}
function number(json, name) {
    const value = json[name];
    if (typeof value !== "number" || !Number.isFinite(value))
        throw new FrontUnavailable(`the front's answer has no ${name}`);
    return value;
}

// ---- tabs.js

// Tabs of one origin share the session: one of them refreshes at a time, and each hears what another did.
/** The browser's locks; where there are none, a queue in this page, since there is no other tab that could be asked. */
function browserLocks() {
    const locks = globalThis.navigator?.locks;
    if (locks)
        return { request: (name, work) => locks.request(name, work) };
    return pageLocks();
}
function pageLocks() {
    const queues = new Map();
    return {
        request(name, work) {
            const before = queues.get(name) ?? Promise.resolve();
            const done = before.then(work, work);
            queues.set(name, done.catch(() => undefined));
            return done;
        },
    };
}
/** The way to the other tabs. */
class Tabs {
    #channel;
    constructor(name, listener) {
        if (!globalThis.BroadcastChannel)
            return;
        this.#channel = new BroadcastChannel(name);
        this.#channel.onmessage = (event) => listener(event.data);
        // Under Node a channel keeps the process alive.
        this.#channel.unref?.();
    }
    tell(message) {
        this.#channel?.postMessage(message);
    }
    close() {
        this.#channel?.close();
    }
}

// ---- held.js

// The session as this tab holds it: what is in the store, the bearer token in memory, and who wants to hear of changes.
class Held {
    listeners = new Set();
    state = "unknown";
    token;
    #settings;
    #tabs;
    #shown;
    constructor(settings) {
        this.#settings = settings;
        this.#tabs = new Tabs(settings.name, (message) => void this.#hear(message));
    }
    /** The service's time as far as this device knows it, in Unix milliseconds. */
    now(session) {
        return this.#settings.clock() + session.clockOffset;
    }
    /** What the store holds. A session that has ended is none, and is deleted. */
    async load() {
        const session = await this.#settings.store.read(this.#settings.name);
        if (session?.version === 1 && this.now(session) < session.sessionExpires) {
            this.#show("signed-in", session);
            return session;
        }
        if (session)
            await this.#settings.store.remove(this.#settings.name);
        this.#show("signed-out");
        return undefined;
    }
    /** Keeps a new session, in place of any other. */
    async begin(session, answer) {
        await this.#settings.store.write(this.#settings.name, session);
        this.#announce("signed-in", answer);
        this.#show("signed-in", session);
    }
    /** Keeps a session that goes on. False: it was signed out, or replaced, meanwhile; nothing was kept. */
    async goOn(session, answer) {
        if (!(await this.#settings.store.replace(this.#settings.name, session)))
            return false;
        if (answer) {
            this.#announce("refreshed", answer);
            this.#show("signed-in", session);
        }
        return true;
    }
    /** Deletes the key. The other tabs hear of it even where that fails. */
    async forget() {
        try {
            await this.#settings.store.remove(this.#settings.name);
        }
        finally {
            this.#tabs.tell({ kind: "signed-out" });
            this.#show("signed-out");
        }
    }
    close() {
        this.#tabs.close();
        this.listeners.clear();
    }
    #announce(kind, answer) {
        // A refresh ends the token before, whether or not it brings another one.
        const { accessToken, accessTokenExpires = 0, serverTime } = answer;
        this.token = accessToken === undefined ? undefined : { text: accessToken, began: serverTime, expires: accessTokenExpires };
        this.#tabs.tell(this.token ? { kind, token: this.token } : { kind });
    }
    async #hear(message) {
        this.token = message.token;
        await this.load().catch(() => undefined); // A store that fails now fails again when it is needed, where somebody listens.
    }
    #show(state, session) {
        if (state === "signed-out")
            this.token = undefined;
        const shown = session && infoOf(session);
        const same = state === this.state && JSON.stringify(shown) === JSON.stringify(this.#shown);
        this.state = state;
        this.#shown = shown;
        if (!same)
            for (const listener of this.listeners)
                listener(state, shown);
    }
}
/** What a page is shown of a session: neither keys nor what is only kept for the next refresh. */
function infoOf({ sessionId, principal, keyId, keyExpires, sessionExpires }) {
    return { sessionId, principal, keyId, keyExpires, sessionExpires };
}
function keptOf(answer) {
    const { sessionId, principal, keyId, keyExpires, sessionExpires, serverTime, clockOffset } = answer;
    return { sessionId, principal, keyId, keyExpires, sessionExpires, keyBegan: serverTime, clockOffset };
}

// ---- keys.js

// The key of a session: made here, not extractable, and only its public half is ever sent.
const PARAMETERS = {
    "ecdsa-p256-sha256": { name: "ECDSA", namedCurve: "P-256" },
    ed25519: { name: "Ed25519" },
};
/** Makes a key pair. Throws what the browser throws where it does not know the algorithm (`NotSupportedError`). */
async function makeKeys(algorithm) {
    // `crypto.subtle` exists in secure contexts alone: https, or http on localhost.
    if (!globalThis.crypto?.subtle)
        throw new Error("no Web Crypto here: the page must be loaded over https, or from localhost");
    // Not extractable: `exportKey` refuses, and a copy in IndexedDB stays as it is.
    return (await crypto.subtle.generateKey(PARAMETERS[algorithm], false, ["sign", "verify"]));
}
/** The public half as a JWK (RFC 7517) with its required members and no other. */
async function publicJwk(publicKey) {
    const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
    if (!kty || !crv || !x)
        throw new Error("the browser exported a public key without its coordinates");
    return { kty, crv, x, ...(y === undefined ? {} : { y }) };
}

// ---- store.js

// Where a session and its key are kept. IndexedDB holds the key itself, as an object that cannot be exported. Local storage holds
// text, so a key in it could be read by any script: nothing is ever put there.
const DATABASE = "counterseal";
const SESSIONS = "sessions";
/** Keeps sessions in IndexedDB: they outlast a reload, and end with the browser's data for the site. */
function indexedDbStore() {
    return {
        read: (name) => transact("readonly", (sessions, give) => {
            const found = sessions.get(name);
            found.onsuccess = () => give(found.result);
        }),
        write: (name, session) => transact("readwrite", (sessions) => void sessions.put(session, name)),
        replace: (name, session) => transact("readwrite", (sessions, give) => {
            const found = sessions.get(name);
            found.onsuccess = () => {
                const same = found.result?.sessionId === session.sessionId;
                if (same)
                    sessions.put(session, name);
                give(same);
            };
        }),
        remove: (name) => transact("readwrite", (sessions) => void sessions.delete(name)),
    };
}
/** Runs one transaction and resolves once it is complete, with what was given. */
async function transact(mode, work) {
    const database = await open();
    try {
        return await new Promise((resolve, reject) => {
            const transaction = database.transaction(SESSIONS, mode);
            let given;
            transaction.oncomplete = () => resolve(given);
            transaction.onabort = () => reject(transaction.error ?? new Error("IndexedDB gave up a transaction"));
            work(transaction.objectStore(SESSIONS), (value) => { given = value; });
        });
    }
    finally {
        // Not kept open: a connection that is forgotten in a frozen tab would block every later version of the database.
        database.close();
    }
}
function open() {
    if (!globalThis.indexedDB)
        return Promise.reject(new Error("no IndexedDB here: give a store, such as memoryStore()"));
    return new Promise((resolve, reject) => {
        const opening = indexedDB.open(DATABASE, 1);
        opening.onupgradeneeded = () => void opening.result.createObjectStore(SESSIONS);
        opening.onsuccess = () => resolve(opening.result);
        opening.onerror = () => reject(opening.error ?? new Error("IndexedDB does not open"));
    });
}
/** Keeps sessions in this page alone: for browsers without IndexedDB, and for tests. A reload ends the session here. */
function memoryStore() {
    const sessions = new Map();
    return {
        read: async (name) => sessions.get(name),
        write: async (name, session) => void sessions.set(name, session),
        replace: async (name, session) => {
            const same = sessions.get(name)?.sessionId === session.sessionId;
            if (same)
                sessions.set(name, session);
            return same;
        },
        remove: async (name) => void sessions.delete(name),
    };
}

// ---- options.js

// What a session can be told, and what it takes for granted otherwise.
const MIB = 1024 * 1024;
/** Fills in the defaults. Throws TypeError: the front is on another origin, where its cookie would not be sent. */
function settle(options) {
    const page = globalThis.location?.origin;
    const base = new URL(options.base ?? "/session", page);
    base.pathname = base.pathname.replace(/\/+$/, "");
    if (page !== undefined && base.origin !== page)
        throw new TypeError("base: must be on this page's origin");
    const send = options.fetch ?? globalThis.fetch;
    return {
        base,
        algorithm: options.algorithm ?? "ecdsa-p256-sha256",
        store: options.store ?? indexedDbStore(),
        origins: new Set([base.origin, ...(options.origins ?? []).map((origin) => new URL(origin).origin)]),
        bodyLimit: options.bodyLimit ?? 64 * MIB,
        name: `counterseal:${options.name ?? base.pathname}`,
        timeout: options.timeout ?? 20_000,
        clock: options.clock ?? Date.now,
        // Called as a function of its own: a browser's fetch refuses any other `this`.
        send: (input, init) => send(input, init),
        locks: options.locks ?? browserLocks(),
    };
}
/** What relative URLs are relative to, as for the browser's own fetch. */
function here(settings) {
    return globalThis.document?.baseURI ?? globalThis.location?.href ?? settings.base.href;
}

// ---- renewal.js

// Refreshing: in time, by one tab, and so that a lost answer is asked for again instead of ending the session.
// After an outage the front is left alone for so many milliseconds, as long as the key is good.
const PAUSE = 5_000;
class Renewal {
    #settings;
    #front;
    #held;
    #quietUntil = 0;
    constructor(settings, front, held) {
        this.#settings = settings;
        this.#front = front;
        this.#held = held;
    }
    /**
     * Returns the session with a key, and a token where `bearer` needs one, that is good for a while.
     *
     * Throws SessionOver; NotSignable; FrontUnavailable where a refresh is due and what there is has ended.
     */
    async live(bearer) {
        const session = await this.#held.load();
        if (!session)
            throw new SessionOver("nobody is signed in");
        // The front would refuse, and rightly: a script could ask as well, and take the token along.
        if (bearer && !session.wantsToken)
            throw new NotSignable("the session was begun without bearer tokens");
        const due = (kept) => this.#due(kept, bearer);
        if (!due(session))
            return session;
        try {
            return await this.refresh(due);
        }
        catch (error) {
            // The front does not answer, and what there is will do for now.
            if (error instanceof FrontUnavailable && this.#usable(session, bearer))
                return session;
            throw error;
        }
    }
    /** Refreshes unless another tab just did: `due` is asked once it is this tab's turn. Throws SessionOver, FrontUnavailable. */
    refresh(due) {
        return this.#settings.locks.request(this.#settings.name, async () => {
            const session = await this.#held.load();
            if (!session)
                throw new SessionOver("nobody is signed in");
            if (!due(session))
                return session;
            if (this.#settings.clock() < this.#quietUntil)
                throw new FrontUnavailable("the front did not answer a moment ago");
            return this.#ask(session);
        });
    }
    #due(session, bearer) {
        const now = this.#held.now(session);
        const { token } = this.#held;
        if (isNearEnd(session.keyBegan, session.keyExpires, now))
            return true;
        return bearer && (!token || isNearEnd(token.began, token.expires, now));
    }
    #usable(session, bearer) {
        const now = this.#held.now(session);
        const { token } = this.#held;
        return now < session.keyExpires && (!bearer || (token !== undefined && now < token.expires));
    }
    async #ask(session) {
        // Kept before it is used: when the answer is lost, even with the tab, the next attempt is known for the same one.
        const asking = { ...session, pending: session.pending ?? randomId() };
        if (!(await this.#held.goOn(asking)))
            throw new SessionOver("signed out meanwhile");
        const answer = await this.#answer(asking);
        const { pending: _, ...rest } = asking;
        const refreshed = { ...rest, ...keptOf(answer) };
        if (!(await this.#held.goOn(refreshed, answer)))
            throw new SessionOver("signed out meanwhile");
        return refreshed;
    }
    async #answer(session) {
        const publicKey = await publicJwk(session.publicKey);
        const { sessionId, wantsToken: accessToken, pending: requestId } = session;
        const body = { sessionId, publicKey, accessToken, requestId };
        try {
            const answer = await this.#front.refresh(body).catch((error) => {
                if (error instanceof FrontUnavailable)
                    return this.#front.refresh(body);
                throw error;
            });
            // The cookie is of another session: whoever that is, it is not the one whom this page shows.
            if (answer.sessionId !== sessionId)
                throw new SessionOver("another session has taken this one's place");
            return answer;
        }
        catch (error) {
            if (error instanceof SessionOver)
                await this.#held.forget();
            if (error instanceof FrontUnavailable)
                this.#quietUntil = this.#settings.clock() + PAUSE;
            throw error;
        }
    }
}
/** Whether no more than a tenth of a life is left. */
function isNearEnd(began, expires, now) {
    return expires - now <= (expires - began) / 10;
}

// ---- signature.js

// The signature base of a request (RFC 9421 section 2.5) and the fields that carry a signature (section 4).
const LABEL = "sig1";
/** Tells signatures of this module from others that a request may carry (section 7.2.5). */
const TAG = "counterseal-web";
// RFC 3986 sections 3.3 and 3.4. URLs of browsers hold more than that, and percent signs without digits.
const NOT_PATH = /%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/g;
const NOT_QUERY = /%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?[\]%]/g;
// Section 2.5: the base is ASCII; RFC 9651 section 3.3.3: so are strings. Of key ids, the service has fewer characters.
const KEY_ID = /^[A-Za-z0-9._~:@+=/-]{3,128}$/;
const VISIBLE = /^[\t\x20-\x7e]*$/;
/**
 * The same resource in the spelling of RFC 3986, and without a fragment: what is signed and sent.
 *
 * The URL standard lets `|`, `^`, `{` and the like through, which strict servers refuse. Dot segments, the default port and
 * upper case in the host are gone already: parsing did that, and it is done before the request is sent in any case.
 */
function plainUrl(url) {
    const path = url.pathname.replace(NOT_PATH, percentEncoded);
    const query = url.search.slice(1).replace(NOT_QUERY, percentEncoded);
    // An empty query is told from none, as on the wire, although "@query" is "?" for both (section 2.2.7).
    const marked = url.search !== "" || /^[^#]*\?/.test(url.href);
    return new URL(`${url.protocol}//${url.host}${path}${marked ? "?" : ""}${query}`);
}
function percentEncoded(character) {
    return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
}
/** The covered components with their values, in the order in which they are signed. */
function components(request) {
    const covered = [
        ["@method", request.method],
        // Section 2.2.3: in lower case and without the scheme's default port, which is how the URL standard keeps it.
        ["@authority", request.url.host],
        ["@path", request.url.pathname],
        ["@query", request.url.search || "?"],
    ];
    if (request.contentDigest !== undefined) {
        covered.push(["content-digest", request.contentDigest], ["content-type", request.contentType ?? ""]);
    }
    return covered;
}
/** The value of `@signature-params`, which is also the member of `Signature-Input`. */
function signatureParams(request, parameters) {
    const { created, nonce, keyid, alg } = parameters;
    if (!KEY_ID.test(keyid))
        throw new NotSignable("the key id has characters that it cannot have");
    const names = components(request).map(([name]) => `"${name}"`).join(" ");
    return `(${names});created=${created};nonce="${nonce}";keyid="${keyid}";alg="${alg}";tag="${TAG}"`;
}
/** The signature base: what the key signs. */
function signatureBase(request, parameters) {
    const lines = components(request).map(([name, value]) => {
        if (!VISIBLE.test(value))
            throw new NotSignable(`${name}: holds characters outside ASCII, which cannot be signed`);
        return `"${name}": ${value}`;
    });
    return [...lines, `"@signature-params": ${signatureParams(request, parameters)}`].join("\n");
}
/** The value of `Content-Digest` (RFC 9530 section 2). */
async function contentDigest(body) {
    return `sha-256=:${base64(new Uint8Array(await crypto.subtle.digest("SHA-256", body)))}:`;
}
/** Signs, and returns the values of `Signature-Input` and `Signature`. The private key never leaves the browser's own memory. */
async function sign(request, parameters, privateKey) {
    const base = new TextEncoder().encode(signatureBase(request, parameters));
    // ECDSA comes as r and s side by side, which is also section 3.3.4's form.
    const how = parameters.alg === "ed25519" ? { name: "Ed25519" } : { name: "ECDSA", hash: "SHA-256" };
    const signature = new Uint8Array(await crypto.subtle.sign(how, privateKey, base));
    return {
        signatureInput: `${LABEL}=${signatureParams(request, parameters)}`,
        signature: `${LABEL}=:${base64(signature)}:`,
    };
}

// ---- request.js

// A request as the page gives it, checked and with its body in memory, ready to be signed and sent as often as needed.
// The Fetch standard's forbidden request-headers: a browser drops them without a word, so the page would be mistaken about them.
const FORBIDDEN = new Set(("accept-charset accept-encoding access-control-request-headers access-control-request-method connection content-length " +
    "cookie cookie2 date dnt expect host keep-alive origin referer set-cookie te trailer transfer-encoding upgrade via").split(" "));
// What says who sends the request is written here; two of them would be ambiguous.
const OURS = new Set(["authorization", "content-digest", "signature", "signature-input"]);
const WITHOUT_BODY = new Set(["GET", "HEAD"]);
/** Checks and reads a request. Throws NotSignable, and what `new Request` throws. */
async function prepare(input, init, bounds) {
    if (init.headers)
        checkNames(new Headers(init.headers));
    // A redirect would need another signature, for another URL, and fetch would send this one along.
    if (init.redirect === "follow")
        throw new NotSignable("redirects cannot be followed: each needs a signature of its own");
    const request = await toRequest(input, init, bounds);
    checkNames(request.headers);
    if (request.mode === "no-cors")
        throw new NotSignable("mode no-cors: the browser would drop the signature");
    const url = plainUrl(new URL(request.url));
    if (!bounds.origins.has(url.origin))
        throw new NotSignable(`${url.origin}: not this page's origin, nor listed in origins`);
    const body = WITHOUT_BODY.has(request.method) ? new Uint8Array(0) : await readRequestBody(request, bounds.bodyLimit);
    const headers = new Headers(request.headers);
    // A body without a type could be given one on the way. RFC 9110 section 8.3 takes it for this one in any case.
    if (body.length > 0 && !headers.has("content-type"))
        headers.set("content-type", "application/octet-stream");
    const prepared = { url, method: request.method, headers, rest: restOf(request, init) };
    return body.length > 0 ? { ...prepared, body } : prepared;
}
/** The request to send, with more header fields. */
function complete(prepared, fields) {
    const headers = new Headers(prepared.headers);
    for (const [name, value] of Object.entries(fields))
        headers.set(name, value);
    const body = prepared.body === undefined ? {} : { body: prepared.body };
    return new Request(prepared.url, { ...prepared.rest, ...body, method: prepared.method, headers });
}
async function toRequest(input, init, bounds) {
    const target = input instanceof Request ? input : new URL(input, bounds.here);
    if (!(init.body instanceof ReadableStream))
        return new Request(target, init);
    // Browsers that cannot send streams would send "[object ReadableStream]", signed and all. So streams are read here.
    return new Request(target, { ...init, body: await readStream(init.body, bounds.bodyLimit) });
}
function checkNames(headers) {
    for (const name of headers.keys()) {
        if (OURS.has(name))
            throw new NotSignable(`header ${name}: is written by the session`);
        if (FORBIDDEN.has(name) || name.startsWith("proxy-") || name.startsWith("sec-")) {
            throw new NotSignable(`header ${name}: cannot be set by a page`);
        }
    }
}
async function readRequestBody(request, limit) {
    // Reading the request, not what the page gave: forms have their boundary, and texts their bytes, only there.
    // Browsers without `Request.body` read it all before the limit is looked at.
    if (request.body)
        return readStream(request.body, limit);
    const bytes = new Uint8Array(await request.arrayBuffer());
    if (bytes.length > limit)
        throw tooLarge(limit);
    return bytes;
}
async function readStream(stream, limit) {
    const reader = stream.getReader();
    const chunks = [];
    let length = 0;
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
        if (!(read.value instanceof Uint8Array))
            throw new NotSignable("the body's stream gives something else than bytes");
        chunks.push(read.value);
        length += read.value.length;
        if (length > limit) {
            await reader.cancel();
            throw tooLarge(limit);
        }
    }
    const body = new Uint8Array(length);
    let at = 0;
    for (const chunk of chunks) {
        body.set(chunk, at);
        at += chunk.length;
    }
    return body;
}
function tooLarge(limit) {
    return new NotSignable(`the body is larger than ${limit} bytes: it is hashed as a whole before it is sent`);
}
/** What a request says besides method, URL, headers and body. */
function restOf(request, init) {
    const { cache, credentials, integrity, keepalive, mode, referrer, referrerPolicy } = request;
    return {
        cache, credentials, integrity, keepalive, mode, referrer, referrerPolicy,
        signal: init.signal ?? request.signal,
        redirect: init.redirect ?? "error",
        ...(init.priority === undefined ? {} : { priority: init.priority }),
    };
}

// ---- session.js

// The session of a page: signs in and out, signs requests, and refreshes before the key ends.
// The `Date` field has whole seconds, and travels: a clock that is off by no more milliseconds than this is not off.
const CLOCK_TOLERANCE = 5_000;
/** A session. All objects of the same name, in all tabs of the origin, are one session. */
class Counterseal {
    #settings;
    #front;
    #held;
    #renewal;
    constructor(options = {}) {
        this.#settings = settle(options);
        const { base, send, clock, timeout } = this.#settings;
        this.#front = new Front(base, send, clock, timeout);
        this.#held = new Held(this.#settings);
        this.#renewal = new Renewal(this.#settings, this.#front, this.#held);
    }
    /** Whether somebody is signed in, as far as this page knows. */
    get state() {
        return this.#held.state;
    }
    /** Calls `listener` after every change, also of other tabs' making. Returns what ends that. */
    onChange(listener) {
        this.#held.listeners.add(listener);
        return () => void this.#held.listeners.delete(listener);
    }
    /** The session, also after a reload; undefined: nobody is signed in. Asks the store, not the front. */
    async current() {
        const session = await this.#held.load();
        return session && infoOf(session);
    }
    /** Makes a key and signs in. Throws SignInRefused, FrontUnavailable. */
    async signIn(principal, password, options = {}) {
        const { algorithm, locks, name } = this.#settings;
        const { privateKey, publicKey } = await makeKeys(algorithm);
        const { tenant, accessToken = false } = options;
        const body = { principal, password, publicKey: await publicJwk(publicKey), accessToken };
        // By one tab, as for a refresh: the later answer would overwrite the cookie of the other.
        return locks.request(name, async () => {
            const answer = await this.#front.signIn(tenant === undefined ? body : { ...body, tenant });
            const made = { version: 1, algorithm, privateKey, publicKey, wantsToken: accessToken };
            const session = { ...made, ...keptOf(answer) };
            try {
                await this.#held.begin(session, answer);
            }
            catch (error) {
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
    async fetch(input, init = {}) {
        const { bearer = false, ...rest } = init;
        const { origins, bodyLimit } = this.#settings;
        const prepared = await prepare(input, rest, { here: here(this.#settings), origins, bodyLimit });
        const first = await this.#send(prepared, bearer);
        const again = bearer ? this.#hasOtherToken(first) : await this.#correctClock(first);
        if (!again)
            return first.response;
        await first.response.body?.cancel();
        return (await this.#send(prepared, bearer)).response;
    }
    /** Prolongs the session now, without waiting for the key's end to come near. Throws SessionOver, FrontUnavailable. */
    async refresh() {
        return infoOf(await this.#renewal.refresh(() => true));
    }
    /**
     * Deletes the key, here and so for all tabs, and tells the front. Returns whether the front confirmed it: false means that the
     * session may live on there, without anybody who could sign for it, until it is not refreshed in time.
     */
    async signOut() {
        await this.#held.forget();
        try {
            // Behind a refresh that is under way, so that the cookie is the newest one.
            await this.#settings.locks.request(this.#settings.name, () => this.#front.signOut());
            return true;
        }
        catch (error) {
            if (error instanceof FrontUnavailable)
                return false;
            throw error;
        }
    }
    /** Stops listening to other tabs. The session goes on. */
    close() {
        this.#held.close();
    }
    async #send(prepared, bearer) {
        const session = await this.#renewal.live(bearer);
        const token = this.#held.token?.text;
        if (bearer && token === undefined)
            throw new NotSignable("the front gave out no bearer token");
        const fields = bearer ? { authorization: `Bearer ${token}` } : await this.#sign(prepared, session);
        return { response: await this.#settings.send(complete(prepared, fields)), session, token };
    }
    async #sign({ method, url, headers, body }, session) {
        const signable = { method, url };
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
    #hasOtherToken({ response, token }) {
        return response.status === 401 && this.#held.token !== undefined && this.#held.token.text !== token;
    }
    /** Sets the clock by a refusal's `Date`, and says whether it was off: then the refusal may have been for that alone. */
    async #correctClock({ response, session }) {
        if (![401, 403].includes(response.status))
            return false;
        const date = Date.parse(response.headers.get("date") ?? "");
        const isOff = (by) => Math.abs(date - this.#held.now(by)) > CLOCK_TOLERANCE;
        if (Number.isNaN(date) || !isOff(session))
            return false;
        const newest = await this.#held.load();
        if (!newest || !isOff(newest))
            return newest !== undefined; // Another request was faster.
        return this.#held.goOn({ ...newest, clockOffset: date - this.#settings.clock() });
    }
}

export { Counterseal, FrontUnavailable, NotSignable, SessionOver, SignInRefused, contentDigest, indexedDbStore, memoryStore, plainUrl, signatureBase };
