//! `crossover completions` and `crossover man`: what a shell and `man` know of the command line.

use std::fs;

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::error::Error;
use crate::terminal::{Output, print_bytes};

pub(crate) fn completions(arguments: &CompletionsArgs) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "crossover", &mut script);
    print_bytes(&script)
}

pub(crate) fn man(arguments: &ManArgs) -> Result<(), Error> {
    let folder = &arguments.folder;
    fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(Error::file("write in", folder))?;
    let mut out = Output::begin();
    out.line(folder.display().to_string());
    out.finish()
}
