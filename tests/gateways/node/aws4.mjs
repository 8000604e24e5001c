// aws4 as its README shows it: request options in, signed options out, node's own http client to send them.
import aws4 from "aws4";
import { send } from "./send.mjs";

const { endpoint, method, path, body, service, query, headers } = JSON.parse(process.argv[2]);
const url = new URL(endpoint);
const options = { host: url.host, method, path, service, region: "eu-central-1", headers: headers ?? {} };
if (body !== undefined) options.body = body;
if (query) options.signQuery = true;
aws4.sign(options, { accessKeyId: process.env.KEY_ID, secretAccessKey: process.env.SECRET });
await send(url, options.method, options.path, options.headers, body);
