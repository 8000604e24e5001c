// Sign and verify with http-message-sig, whose signers and verifiers are functions: here Node's own.
import crypto from "node:crypto";
import { component, createSignature, verifySignature } from "http-message-sig";

const OPTIONS = {
  "ecdsa-p256-sha256": ["sha256", { dsaEncoding: "ieee-p1363" }],
  "ecdsa-p384-sha384": ["sha384", { dsaEncoding: "ieee-p1363" }],
  "rsa-pss-sha512": ["sha512", { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 }],
  "rsa-v1_5-sha256": ["sha256", { padding: crypto.constants.RSA_PKCS1_PADDING }],
  ed25519: [null, {}],
};

function hmac(job, data) {
  return crypto.createHmac("sha256", Buffer.from(job.secret, "base64")).update(data).digest();
}

function signerOf(job) {
  const sign = (data) => {
    if (job.secret) return hmac(job, data);
    const [hash, options] = OPTIONS[job.algorithm];
    return crypto.sign(hash, data, { key: job.private, ...options });
  };
  return { algorithm: job.algorithm, sign: (data) => new Uint8Array(sign(data)) };
}

function verifierOf(job) {
  const verify = (data, signature) => {
    if (job.secret) return Buffer.compare(hmac(job, data), signature) === 0;
    const [hash, options] = OPTIONS[job.algorithm];
    return crypto.verify(hash, data, { key: job.public, ...options }, signature);
  };
  return { algorithm: job.algorithm, verify };
}

function messageOf({ method, url, target, lines }) {
  return {
    kind: "request", method, targetUri: url, requestTarget: target,
    fields: lines.map(([name, value]) => ({ name, value })),
  };
}

export async function signSecond(job) {
  const parameters = { created: job.created, keyid: job.keyId };
  for (const name of ["alg", "nonce", "tag"]) if (job[name]) parameters[name] = job[name];
  const components = job.components.map(([name, key]) => (key === null ? name : component(name, { key })));
  return createSignature(messageOf(job.raw), { label: "theirs", components, parameters, signer: signerOf(job) });
}

export async function verifySecond(job) {
  const policy = { algorithms: [job.algorithm], requiredComponents: [], requiredParameters: [], now: job.now };
  try {
    await verifySignature(messageOf(job.raw), { policy, resolveVerifier: () => verifierOf(job) });
    return true;
  } catch (error) {
    return job.why ? String(error) + String(error.cause ?? "") : false;
  }
}
