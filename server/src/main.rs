//! The `almagest` program.

mod command;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A catalog database for sky surveys, and the pipeline that fills it.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Almagest {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(command::demo::Demo),
    Create(command::create::Create),
    Ingest(command::ingest::Ingest),
    Process(command::process::Process),
    Inspect(command::inspect::Inspect),
    Query(command::query::Query),
    Serve(command::serve::Serve),
    Check(command::check::Check),
}

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match Almagest::parse().command {
        Command::Demo(demo) => demo.run().await,
        Command::Create(create) => create.run(),
        Command::Process(process) => process.run(),
        Command::Ingest(ingest) => ingest.run(),
        Command::Inspect(inspect) => inspect.run(),
        Command::Query(query) => query.run().await,
        Command::Serve(serve) => serve.run().await,
        Command::Check(check) => check.run(),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(command::CommandError::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            // The reader of our output has seen enough.
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("almagest: {error}");
            ExitCode::FAILURE
        }
    }
}
