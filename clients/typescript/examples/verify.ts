// Issues a key, then verifies the HTTP request in the file COUNTERSEAL_REQUEST (default: one without a signature).
import { credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { readFileSync } from "node:fs";
import {
  HttpRequest, IssueKeyRequest, type IssueKeyResponse, KeyServiceClient, rejectionReasonToJSON, VerificationServiceClient,
  VerifyRequest, type VerifyResponse,
} from "../src/index.js";

type Answer<T> = (error: ServiceError | null, response: T) => void;
const call = <T>(rpc: (answer: Answer<T>) => unknown): Promise<T> =>
  new Promise((resolve, reject) => rpc((error, response) => (error ? reject(error) : resolve(response))));

const { COUNTERSEAL_SERVER: server = "127.0.0.1:50051", COUNTERSEAL_TOKEN: token, COUNTERSEAL_REQUEST: path } = process.env;
const admin = new Metadata();
admin.set("authorization", `Bearer ${token}`);
const keys = new KeyServiceClient(server, credentials.createInsecure());
const issued = await call<IssueKeyResponse>((answer) =>
  keys.issueKey(IssueKeyRequest.fromPartial({ principal: "typescript" }), admin, answer));
console.log(`issued ${issued.key?.keyId}`);

const verifier = new VerificationServiceClient(server, credentials.createInsecure());
const httpRequest = readRequest(path ? readFileSync(path, "utf8") : "GET /hello HTTP/1.1\nhost: example.test\n");
const { outcome } = await call<VerifyResponse>((answer) =>
  verifier.verify(VerifyRequest.fromPartial({ subject: { $case: "httpRequest", value: httpRequest } }), answer));
switch (outcome?.$case) {
  case "verified":
    console.log(`verified ${outcome.value.keyId}`);
    break;
  case "rejected":
    console.log(`rejected ${rejectionReasonToJSON(outcome.value.reason)}`);
    break;
  default:
    console.log("not verified: an outcome that this program does not know");
}
keys.close();
verifier.close();

// Takes the lines of a request without a body apart; a gateway copies the fields from its HTTP server instead.
function readRequest(text: string): HttpRequest {
  const [start, ...lines] = text.trimEnd().split("\n");
  const [method, target] = start.split(" ");
  const headers = lines.map((line) => line.split(/: (.*)/s)).map(([name, value]) => ({ name, value: Buffer.from(value) }));
  const body = { $case: "content" as const, value: Buffer.alloc(0) };
  return HttpRequest.fromPartial({ method, target: Buffer.from(target), headers, body });
}
