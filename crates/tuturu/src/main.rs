//! tuturu: two people, one PIN, a video call. Everything in one process.

mod address;
mod banner;
mod check_config;
mod doctor;
mod env_file;
mod health;
mod init;
mod robots;
mod secrets;
mod serve;
mod settings;
mod tls;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use service::{config, lifecycle, log::LogArgs};

/// Two people, one PIN, a video call that connects from any network, on your own server.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in one process: page, signaling, TURN credentials and relay.
    ///
    /// Opens http://localhost:8080 for browsers on this machine. Browsers give camera and
    /// microphone only to secure pages: for phones and other machines use --https.
    #[command(after_help = EXAMPLES)]
    Serve(Box<serve::ServeArgs>),
    /// Write the .env of a deployment, with strong secrets, and say what else is needed.
    #[command(after_help = init::EXAMPLES)]
    Init(init::InitArgs),
    /// Say everything that is wrong with a configuration.
    #[command(after_help = check_config::EXAMPLES)]
    CheckConfig(check_config::CheckArgs),
    /// Look at a server as its callers do: DNS, TLS, signaling, TURN; and say what to do.
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(doctor::DoctorArgs),
    /// Ask a running service whether it is ready; the exit code is the answer.
    Health(health::HealthArgs),
    /// Add, list and revoke robots that apps may see.
    Robots(robots::RobotsArgs),
}

const EXAMPLES: &str = "Examples:\n  \
    tuturu serve                       try it on this machine\n  \
    tuturu serve --https               call from a phone on the same network\n  \
    tuturu serve --listen 0.0.0.0:9000 another port\n\n\
    Every flag has a variable; flags win over variables, variables over defaults.\n\
    Exit codes: 0 ended as asked, 1 failed, 2 wrong usage, 78 wrong configuration.";

/// `check-config` on its own: a variable that [`config::parse`] would end at is what it is
/// to find, and not alone.
#[derive(Debug, Parser)]
#[command(name = "tuturu", version, propagate_version = true)]
struct CheckCli {
    #[command(subcommand)]
    command: CheckCommand,
}

#[derive(Debug, Subcommand)]
enum CheckCommand {
    /// Say everything that is wrong with a configuration.
    #[command(after_help = check_config::EXAMPLES)]
    CheckConfig(check_config::CheckArgs),
}

fn main() -> ExitCode {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|first| first == "check-config")
    {
        return match config::try_parse(std::env::args_os(), []) {
            Ok(CheckCli {
                command: CheckCommand::CheckConfig(args),
            }) => check_config::run(&args),
            Err(stop) => config::end(stop),
        };
    }
    let cli: Cli = config::parse();
    match cli.command {
        Command::Serve(args) => lifecycle::run(&cli.log, || serve::run(*args)),
        Command::Init(args) => lifecycle::run(&cli.log, || async move { init::run(&args) }),
        Command::CheckConfig(args) => check_config::run(&args),
        Command::Doctor(args) => lifecycle::run_to(&cli.log, || doctor::run(args)),
        Command::Health(args) => lifecycle::run(&cli.log, || health::run(args)),
        Command::Robots(args) => lifecycle::run(&cli.log, || async move { robots::run(&args) }),
    }
}
