//! Generates the messages and the client stubs from `protos/` on every build; nothing generated is committed.

use std::{env, error::Error, path::Path};

const PROTOS: &str = "../../protos";

fn main() -> Result<(), Box<dyn Error>> {
    let mut prost = tonic_prost_build::Config::new();
    // `PROTOC`, when set, wins: distributions build with their own compiler.
    if env::var_os("PROTOC").is_none() {
        prost.protoc_executable(protoc_bin_vendored::protoc_bin_path()?);
    }
    let files =
        ["error_reason", "keys", "verification"].map(|name| Path::new(PROTOS).join(format!("counterseal/v1/{name}.proto")));
    tonic_prost_build::configure().build_server(false).compile_with_config(prost, &files, &[Path::new(PROTOS).to_owned()])?;
    Ok(())
}
