//! `crossover serve`: turns this process into one server.

use std::path::Path;

use nix::sys::prctl;
use servers::Tuning;
use servers::limits::Limits;
use servers::superserver::read_table;
use servers::supervisor::{self, Role, Settings};

use crate::cli::{Pages, ServeArgs, Serving};
use crate::error::Error;
use crate::text_file::read_text;

pub(crate) fn run(arguments: ServeArgs) -> Result<(), Error> {
    let role = role(&arguments)?;
    let usual_workers = match &role {
        Role::Design(design, _) => design.usual_workers(),
        Role::AllServices { .. } => 1,
        Role::Superserver(_) => 64,
    };
    let settings = Settings {
        role,
        listen: arguments.listen,
        allow_remote: arguments.allow_remote,
        limits: Limits {
            workers: arguments.workers.unwrap_or(usual_workers),
            clients: arguments.max_clients as usize,
            request_size: arguments.max_request,
            reply_size: arguments.max_reply,
            wait: arguments.max_wait,
            compute: arguments.max_compute,
            idle: arguments.idle,
            backlog: arguments.backlog as i32,
            receive_buffer: arguments.receive_buffer,
        },
        tuning: Tuning { patience: arguments.patience, dispatch: arguments.distribution },
        cores: arguments.cores,
        lifetime: arguments.lifetime,
        ends_with_parent: arguments.ends_with_parent,
    };
    if arguments.pages == Pages::Small {
        prctl::set_thp_disable(true)
            .map_err(|errno| Error::file("limit pages by", Path::new("prctl(2)"))(errno.into()))?;
    }
    hold_ballast(arguments.ballast);
    match supervisor::run(settings)? {}
}

/// Allocates memory and writes to each page of it. It stays until the process ends.
fn hold_ballast(bytes: usize) {
    if bytes > 0 {
        // The compiler would leave out memory that nobody looks at.
        std::mem::forget(std::hint::black_box(vec![1_u8; bytes]));
    }
}

fn role(arguments: &ServeArgs) -> Result<Role, Error> {
    match arguments.serving {
        Serving::Design(design) => Ok(Role::Design(design, arguments.service)),
        Serving::AllServices => Ok(Role::AllServices { base: arguments.base }),
        Serving::Superserver => {
            let path = arguments.table.as_ref().ok_or_else(|| {
                Error::Usage(
                    "a superserver needs --table FILE, with lines such as: 7777 /bin/cat"
                        .to_owned(),
                )
            })?;
            read_table(&read_text(path)?).map(Role::Superserver).map_err(Error::Usage)
        }
    }
}
