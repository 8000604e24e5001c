// @smithy/signature-v4, the signer of the AWS SDK for JavaScript v3, set up as that SDK sets it up for S3.
import { Sha256 } from "@aws-crypto/sha256-js";
import { HttpRequest } from "@smithy/protocol-http";
import { SignatureV4 } from "@smithy/signature-v4";
import { send } from "./send.mjs";

const { endpoint, method, path, body, service, query, parameters, headers } = JSON.parse(process.argv[2]);
const url = new URL(endpoint);
const s3 = service === "s3";
const signer = new SignatureV4({
  credentials: { accessKeyId: process.env.KEY_ID, secretAccessKey: process.env.SECRET },
  region: "eu-central-1",
  service,
  sha256: Sha256,
  uriEscapePath: !s3,
  applyChecksum: true,
});
const request = new HttpRequest({
  method,
  protocol: url.protocol,
  hostname: url.hostname,
  port: Number(url.port),
  path,
  query: parameters ?? {},
  headers: { host: url.host, ...headers },
  body,
});
// As S3RequestPresigner of that SDK does: the presigner then moves it into the query.
if (query && s3) request.headers["X-Amz-Content-Sha256"] = "UNSIGNED-PAYLOAD";
const signed = query ? await signer.presign(request, { expiresIn: 600 }) : await signer.sign(request);
const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());
const pairs = Object.entries(signed.query).map(([name, value]) => `${encode(name)}=${encode(value)}`);
await send(url, signed.method, signed.path + (pairs.length ? "?" + pairs.join("&") : ""), signed.headers, body);
