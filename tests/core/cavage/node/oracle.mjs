// Reads a list of jobs from standard input, signs or verifies each with one of two packages, and prints a list of answers.
// A job: {do, lib, now, algorithm, key, secret, method, target, headers: [[name, value]...], covered, field}.
import crypto from "node:crypto";
import httpSignature from "@peertube/http-signature";
import messageSignatures from "http-message-signatures";

const { cavage } = messageSignatures;

// http-message-signatures leaves the primitive to its caller; the draft means DER for ECDSA, and a salt of 64 bytes here.
const PSS = { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 };
const HASH = {
  "rsa-pss-sha512": ["sha512", PSS],
  "rsa-v1_5-sha256": ["sha256", {}],
  "ecdsa-p256-sha256": ["sha256", { dsaEncoding: "der" }],
  "ecdsa-p384-sha384": ["sha384", { dsaEncoding: "der" }],
  ed25519: [null, {}],
};

function raw(job, data) {
  if (job.secret) return crypto.createHmac(job.algorithm === "hs2019" ? "sha512" : job.algorithm.slice(5), job.secret).update(data).digest();
  const [hash, options] = HASH[job.kind];
  return crypto.sign(hash, data, { key: job.key, ...options });
}

function matches(job, data, signature) {
  if (job.secret) return raw(job, data).equals(signature);
  const [hash, options] = HASH[job.kind];
  return crypto.verify(hash, data, { key: job.public, ...options }, signature);
}

// The request target as it is: a URL object would be normalised, and neither package does more than join the two parts.
function url(target) {
  const at = target.indexOf("?");
  return at < 0 ? { pathname: target, search: "" } : { pathname: target.slice(0, at), search: target.slice(at) };
}

function grouped(headers) {
  const found = {};
  for (const [name, value] of headers) (found[name] ??= []).push(value);
  return found;
}

const messages = {
  async sign(job) {
    let signed;
    const key = { id: job.keyId, alg: job.algorithm, sign: async (data) => raw(job, (signed = data)) };
    const fields = job.covered.map((name) => name.replace(/^\((.*)\)$/, "@$1"));
    const params = job.times ? ["keyid", "alg", "created", "expires"] : ["keyid", "alg"];
    const paramValues = { created: new Date(job.now * 1000), expires: new Date((job.now + 300) * 1000) };
    const message = { method: job.method, url: url(job.target), headers: grouped(job.headers) };
    const done = await cavage.signMessage({ key, fields, params, paramValues }, message);
    return { field: "signature", value: done.headers.Signature, string: signed.toString() };
  },
  async verify(job) {
    const message = { method: job.method, url: url(job.target), headers: grouped(job.headers) };
    const keyLookup = async () => ({ verify: async (data, signature) => matches(job, data, signature) });
    return { ok: (await cavage.verifyMessage({ keyLookup, tolerance: 900 }, message)) === true };
  },
};

const signature = {
  async sign(job) {
    const headers = Object.fromEntries(Object.entries(grouped(job.headers)).map(([name, values]) => [name, values.join(", ")]));
    const request = {
      method: job.method,
      path: job.target,
      _stringToSign: "",
      getHeader: (name) => headers[name.toLowerCase()],
      setHeader(name, value) {
        headers[name.toLowerCase()] = value;
      },
    };
    const options = { key: job.secret ?? job.key, keyId: job.keyId, headers: job.covered, algorithm: job.algorithm, strict: true };
    if (job.field === "signature") options.authorizationHeaderName = "Signature";
    httpSignature.signRequest(request, options);
    return { field: job.field, value: headers[job.field], string: request._stringToSign };
  },
  async verify(job) {
    const headers = Object.fromEntries(Object.entries(grouped(job.headers)).map(([name, values]) => [name, values.join(", ")]));
    const request = { method: job.method, url: job.target, headers, httpVersion: "1.1" };
    const parsed = httpSignature.parseRequest(request, { clockSkew: 1e12, headers: [], strict: true });
    const ok = job.secret ? httpSignature.verifyHMAC(parsed, job.secret) : httpSignature.verifySignature(parsed, job.public);
    return { ok: ok === true, string: parsed.signingString };
  },
};

const libraries = { "http-message-signatures": messages, "http-signature": signature };
let text = "";
for await (const part of process.stdin) text += part;
const answers = [];
for (const job of JSON.parse(text)) {
  Date.now = () => job.now * 1000; // both packages look at the clock
  try {
    answers.push(await libraries[job.lib][job.do](job));
  } catch (error) {
    answers.push({ ok: false, error: String(error.message ?? error) });
  }
}
process.stdout.write(JSON.stringify(answers));
