//! `bk-launch bench`: measures the endpoint under load.

mod comparing;
mod ending;
mod first_question;
mod live_view;
mod measuring;
mod reporting;
mod result_file;
mod row_file;
mod setup;
mod start_consent;
mod workload;

use super::command_error::CommandError;
use super::logs;
use super::notice::defer;
use super::settings::{self, SummaryForm};
use crate::args::bench::{BenchArgs, ExpectArgs, ResultArgs};
use crate::bench::measurement::OnMiss;
use crate::report::IfExists;
use crate::session::exit::Exit;

use comparing::Baseline;
use measuring::{BenchEnd, measure_workload};
use reporting::report;
use result_file::ResultFile;
use row_file::Reuse;
use setup::Setup;
use workload::Workload;

pub(crate) fn run(args: BenchArgs) -> Result<Exit, CommandError> {
    let BenchArgs { input, format, rows, reuse, yes_start, load, expect, server, .. } = args;
    let (output, display) = (args.output, args.display);
    if display.quiet {
        defer();
    }
    logs::begin(display.log_format, display.verbose);
    let ExpectArgs { slos, abort_on_slo, find_max, baseline, compare, tolerance } = expect;
    if let Some(files) = compare {
        return comparing::compare_files(&files, tolerance);
    }
    // Read before anything is sent: a wrong name should not cost a measurement.
    let baseline = baseline.map(|path| Baseline::read(&path, tolerance)).transpose()?;
    let on_miss = if abort_on_slo { OnMiss::Abort } else { OnMiss::GoOn };
    let workload = Workload::new(load, find_max, slos, on_miss)?;
    let reuse = if reuse { Reuse::Again } else { Reuse::Never };
    let ResultArgs { outputs, force, json } = output;
    let existing = if force { IfExists::Overwrite } else { IfExists::Refuse };
    result_file::check(&outputs, existing)?;
    let look = settings::progress(display.progress, display.quiet.into());
    let setup = Setup::prepare(input, format, rows.selection()?, reuse, server)?;
    setup.permit(&workload, yes_start)?;
    let files = result_file::open(&outputs, existing)?;
    match measure_workload(&setup, &workload, look) {
        Ok(BenchEnd::Measured(measured)) => {
            report(*measured, baseline, files, SummaryForm::from(json))
        }
        Ok(BenchEnd::NothingSent(exit)) => {
            ResultFile::give_up(&files, existing);
            Ok(exit)
        }
        Err(error) => {
            ResultFile::give_up(&files, existing);
            Err(error)
        }
    }
}
