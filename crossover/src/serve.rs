//! `crossover serve`: becomes one server.

use servers::Tuning;
use servers::limits::Limits;
use servers::supervisor::{self, Settings};

use crate::cli::ServeArgs;
use crate::error::Error;

pub(crate) fn run(arguments: ServeArgs) -> Result<(), Error> {
    let settings = Settings {
        design: arguments.design,
        service: arguments.service,
        listen: arguments.listen,
        allow_remote: arguments.allow_remote,
        limits: Limits {
            workers: arguments.workers.unwrap_or_else(|| arguments.design.usual_workers()),
            clients: arguments.max_clients as usize,
            request_size: arguments.max_request,
            reply_size: arguments.max_reply,
            wait: arguments.max_wait,
            compute: arguments.max_compute,
            idle: arguments.idle,
        },
        tuning: Tuning { patience: arguments.patience, distribution: arguments.distribution },
        cores: arguments.cores,
        lifetime: arguments.lifetime,
        ends_with_parent: arguments.ends_with_parent,
    };
    match supervisor::run(settings)? {}
}
