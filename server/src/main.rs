//! The `almagest` program.

mod command;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A catalog database for sky surveys, and the pipeline that fills it.
#[derive(Debug, Parser)]
#[command(version)]
struct Almagest {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(command::serve::Serve),
}

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match Almagest::parse().command {
        Command::Serve(serve) => serve.run().await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("almagest: {error}");
            ExitCode::FAILURE
        }
    }
}
