//! The program: reads its arguments and leaves everything else to `cli`.

use std::process::ExitCode;
use syncline::cli;

fn main() -> ExitCode {
    cli::main(std::env::args_os())
}
