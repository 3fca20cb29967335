//! clawbake: parse, run, exit code; nothing else.

use std::process::ExitCode;

use clap::Parser;
use clawbake::cli::{self, Cli};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli::run(cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::fail(&error),
    }
}
