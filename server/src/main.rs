//! The `almagest` program.

mod command;
mod heap;

use std::process::ExitCode;

use almagest_server::query_runtime::STACK_BYTES;
use clap::{Parser, Subcommand};
use command::CommandError;

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
    Import(command::import::Import),
    Export(command::export::Export),
    Generate(command::generate::Generate),
    Process(command::process::Process),
    Run(Box<command::run::Run>),
    Graph(Box<command::graph::Graph>),
    Butler(Box<command::butler::ButlerCommand>),
    Provenance(command::provenance::Provenance),
    Inspect(command::inspect::Inspect),
    Qa(command::qa::Qa),
    Simulate(command::simulate::Simulate),
    Query(command::query::Query),
    Serve(Box<command::serve::Serve>),
    User(command::user::User),
    Check(command::check::Check),
    Versions(command::versions::Versions),
    Tag(command::tag::Tag),
    Diff(command::diff::Diff),
    Alter(command::alter::Alter),
    Delete(command::delete::Delete),
    Compact(command::compact::Compact),
    Vacuum(command::vacuum::Vacuum),
    Backup(command::backup::Backup),
    Restore(command::backup::Restore),
    Adql(command::adql::Adql),
}

fn main() -> ExitCode {
    heap::bound_arenas();
    let command = Almagest::parse().command;
    // Queries are planned on this thread's stack or on those of the runtime: both are deep.
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(|| run(command));
    match thread.map(std::thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        Ok(Err(_)) => ExitCode::FAILURE,
        Err(error) => fail(&error.into()),
    }
}

fn run(command: Command) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(STACK_BYTES)
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(perform(command)),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(CommandError::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            // The reader of our output has seen enough.
            ExitCode::SUCCESS
        }
        Err(error) => fail(&error),
    }
}

async fn perform(command: Command) -> command::Result<()> {
    match command {
        Command::Demo(demo) => demo.run().await,
        Command::Create(create) => create.run(),
        Command::Process(process) => process.run(),
        Command::Run(run) => run.run(),
        Command::Graph(graph) => graph.run(),
        Command::Butler(butler) => butler.run(),
        Command::Provenance(provenance) => provenance.run(),
        Command::Ingest(ingest) => ingest.run().await,
        Command::Import(import) => import.run(),
        Command::Export(export) => export.run(),
        Command::Generate(generate) => generate.run(),
        Command::Inspect(inspect) => inspect.run(),
        Command::Qa(qa) => qa.run(),
        Command::Simulate(simulate) => simulate.run(),
        Command::Query(query) => query.run().await,
        Command::Serve(serve) => serve.run().await,
        Command::User(user) => user.run(),
        Command::Check(check) => check.run(),
        Command::Versions(versions) => versions.run(),
        Command::Tag(tag) => tag.run(),
        Command::Diff(diff) => diff.run(),
        Command::Alter(alter) => alter.run(),
        Command::Delete(delete) => delete.run().await,
        Command::Compact(compact) => compact.run(),
        Command::Vacuum(vacuum) => vacuum.run(),
        Command::Backup(backup) => backup.run(),
        Command::Restore(restore) => restore.run(),
        Command::Adql(adql) => adql.run().await,
    }
}

fn fail(error: &CommandError) -> ExitCode {
    eprintln!("almagest: {error}");
    ExitCode::FAILURE
}
