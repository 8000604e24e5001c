// Jobs as JSON on standard input, answers in the same order on standard output: sign or verify with http-message-signatures,
// or with http-message-sig (second.mjs), or read a structured field with structured-headers.
import crypto from "node:crypto";
import { readFileSync } from "node:fs";
import { createSigner, createVerifier, httpbis } from "http-message-signatures";
import * as sh from "structured-headers";
import { signSecond, verifySecond } from "./second.mjs";

function keyOf(job, half) {
  return job.secret ? Buffer.from(job.secret, "base64") : job[half];
}

function signerOf(job) {
  const key = keyOf(job, "private");
  if (job.algorithm !== "rsa-pss-sha512") return createSigner(key, job.algorithm, job.keyId);
  // The package leaves the salt's length to Node, which takes the longest; RFC 9421 section 3.3.1 wants 64 bytes.
  const options = { key, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 };
  return { id: job.keyId, alg: job.algorithm, sign: async (data) => crypto.sign("sha512", data, options) };
}

async function sign(job) {
  const paramValues = { created: new Date(job.created * 1000), keyid: job.keyId, nonce: job.nonce, tag: job.tag };
  const config = { key: signerOf(job), name: "theirs", fields: job.fields, params: job.params, paramValues };
  return (await httpbis.signMessage(config, job.message)).headers;
}

async function verify(job) {
  const verifier = createVerifier(keyOf(job, "public"), job.algorithm);
  const keyLookup = async () => ({ id: job.keyId, algs: [job.algorithm], verify: verifier });
  try {
    return (await httpbis.verifyMessage({ keyLookup, all: true }, job.message)) === true;
  } catch {
    return false;
  }
}

function read(job) {
  try {
    if (job.kind === "item") return sh.serializeItem(sh.parseItem(job.field));
    if (job.kind === "list") return sh.serializeList(sh.parseList(job.field));
    return sh.serializeDictionary(sh.parseDictionary(job.field));
  } catch {
    return null;
  }
}

const answers = [];
for (const job of JSON.parse(readFileSync(0, "utf8"))) {
  answers.push(await { sign, verify, read, signSecond, verifySecond }[job.do](job));
}
process.stdout.write(JSON.stringify(answers));
