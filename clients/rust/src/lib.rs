//! Messages and client stubs of Counterseal, generated from `protos/` by `build.rs`.
//!
//! Verified is what says so: `VerifyResponse::outcome` that is `None` (unset, or from a newer contract), and an RPC error, both
//! mean that the request must be refused.

/// Package `counterseal.v1`.
pub mod v1 {
    tonic::include_proto!("counterseal.v1");
}
