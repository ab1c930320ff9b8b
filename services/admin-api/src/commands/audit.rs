//! `admin-api audit …`: the audit log is read and believed only as far as it proves itself.

use std::process::ExitCode;

use gateway_core::{
    app::audit::{HeadLine, verify},
    domain::{OrganizationId, Tenant},
};

use super::start;
use crate::{Failure, config::AdminConfig};

pub(crate) async fn verify(
    config: &AdminConfig,
    organization: Option<OrganizationId>,
    kept: &[HeadLine],
) -> Result<ExitCode, Failure> {
    let app = start(config).await?;
    let reports = verify::verify(&app, organization, kept).await?;
    for report in &reports {
        let whose = match report.organization {
            id if id == Tenant::INSTALLATION.organization => "the installation".to_owned(),
            id => format!("organization {id}"),
        };
        println!("{whose}: {} entries", report.entries);
        if report.under_lost_keys > 0 {
            println!(
                "  {} under a system key that is gone: later entries stand for them",
                report.under_lost_keys
            );
        }
        for finding in &report.findings {
            println!("  WRONG: {finding}");
        }
        if let Some(end) = report.end {
            println!("  ends at {end}");
        }
    }
    if reports.iter().all(|report| report.findings.is_empty()) {
        println!("nothing was changed, taken out, put in, moved or cut off");
        return Ok(ExitCode::SUCCESS);
    }
    println!("the audit log is not what was written");
    Ok(ExitCode::FAILURE)
}
