//! `admin-api backup` and `admin-api restore`. They connect without making indexes: a database that is about to be
//! filled must stay empty.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    process::ExitCode,
};

use gateway_core::{
    domain::{Clock, SystemClock},
    store::{
        Store,
        backup::{self, Summary},
    },
};

use crate::{Failure, config::AdminConfig};

pub(crate) async fn backup(config: &AdminConfig, file: &Path) -> Result<ExitCode, Failure> {
    let common = &config.common;
    let store = Store::connect(&common.store, common.keys.clone()).await?;
    let now = SystemClock.now();
    if file == Path::new("-") {
        let to = BufWriter::new(io::stdout());
        let (summary, _) = backup::backup(&store, &common.keys, now, to).await?;
        tell(&mut io::stderr(), "wrote", &summary)?;
        return Ok(ExitCode::SUCCESS);
    }
    if file.try_exists()? {
        return Err(format!("{} exists: choose another name", file.display()).into());
    }
    // Under its name only once it is whole.
    let partial = file.with_added_extension("partial");
    let to = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial);
    let to = to.map_err(|error| format!("{}: {error}", partial.display()))?;
    let written = backup::backup(&store, &common.keys, now, BufWriter::new(to)).await;
    let (summary, to) = match written {
        Ok(written) => written,
        Err(error) => {
            let _ = std::fs::remove_file(&partial);
            return Err(error.into());
        }
    };
    to.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(&partial, file)?;
    tell(&mut io::stdout(), "wrote", &summary)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn restore(config: &AdminConfig, file: &Path, replace: bool) -> Result<ExitCode, Failure> {
    let common = &config.common;
    let store = Store::connect(&common.store, common.keys.clone()).await?;
    let open = || File::open(file).map(BufReader::new);
    let summary = backup::restore(&store, &common.keys, replace, open).await?;
    tell(&mut io::stdout(), "restored and verified", &summary)?;
    Ok(ExitCode::SUCCESS)
}

fn tell(to: &mut impl Write, what: &str, summary: &Summary) -> io::Result<()> {
    for (name, count) in summary.counts.iter().filter(|(_, count)| *count > 0) {
        writeln!(to, "{name:<24}{count:>12}")?;
    }
    writeln!(to, "{what} {} documents of {}", summary.documents(), summary.created_at)
}
