//! The program inside a box. It serves requests on the socket that it finds as its standard input; the other forms
//! are how it starts programs.

mod ending;
mod environment;
mod exec;
mod failure;
mod files;
mod launch;
mod mounts;
mod serve;
mod supervisor;

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let outcome = match arguments.next() {
        None => serve::serve(),
        Some(word) if word == launch::LAUNCH => launch::launch(arguments),
        Some(word) if word == boxd_agent::OUTSIDE => launch::outside(arguments),
        Some(word) if word == boxd_agent::MOUNT => return mounts::run(arguments, mounts::mount),
        Some(word) if word == boxd_agent::UNMOUNT => return mounts::run(arguments, mounts::unmount),
        Some(_) => Err("this program is started by boxd-local, inside a box".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            failure::complain(&error);
            launch::CANNOT_RUN.into()
        }
    }
}
