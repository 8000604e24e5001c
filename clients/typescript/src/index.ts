/**
 * Messages and client stubs of Counterseal for `@grpc/grpc-js`. The folders below are generated from `protos/`.
 *
 * Verified is what says so: an `outcome` that is undefined (unset, or from a newer contract), and an RPC error, both mean that
 * the request must be refused.
 */
export * from "./counterseal/v1/error_reason.js";
export * from "./counterseal/v1/keys.js";
export * from "./counterseal/v1/verification.js";
