//! The images that the compose file names, without a registry: base images from Debian's packages, and the programs that
//! were built for the tests, which the Dockerfiles take instead of compiling them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::caddy::{self, Edition};
use testkit::mongod;
use testkit::tools::cache_folder;

use super::daemon::{Engine, said};
use crate::Outcome;
use crate::stack::say;
use crate::workspace::{SERVICES, binaries, root};

/// What stands in `.env`, so that no image comes from elsewhere.
pub const ENV: [(&str, &str); 5] = [
    ("RUNTIME_IMAGE", "test/debian"),
    ("MONGO_IMAGE", "test/mongo"),
    ("SERVICE_PROGRAMS", "test/programs"),
    ("CADDY_PROGRAM", "test/caddy-program"),
    // They come over the network.
    ("WORKER_FONTS", "false"),
];

const BASES: &str = include_str!("bases.sh");

/// Makes the base images.
pub async fn bases(engine: &Engine) -> Outcome<()> {
    let folder = cache_folder().join("engine");
    fs::create_dir_all(&folder)?;
    let mongod = mongod::binary().await?;
    if !folder.join("mongo.tar").is_file() {
        say("Making base images of Debian's packages (a minute, once)");
    }
    let mut bash = Command::new("bash");
    bash.args(["-c", BASES, "bases.sh"]).arg(&folder).arg(mongod);
    engine.at_this_engine(&mut bash);
    said("bases.sh", &mut bash)?;
    let path = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    engine.import(&folder.join("debian.tar"), "test/debian", &[path, "CMD [\"bash\"]"])?;
    let volumes = "VOLUME [\"/data/db\", \"/data/configdb\"]";
    engine.import(&folder.join("mongo.tar"), "test/mongo", &[path, volumes])
}

/// Makes the images of programs. `release` is written into them: another one makes other images, as a new version would.
pub fn programs(engine: &Engine, scratch: &Path, release: u32) -> Outcome<()> {
    let services: Vec<PathBuf> = SERVICES.iter().map(|service| binaries(false).join(service)).collect();
    program_image(engine, &scratch.join("programs"), "test/programs", &services, release)?;
    let caddy = caddy::locate(&root()).filter(|caddy| caddy.edition == Edition::Mongodb);
    let caddy = caddy.ok_or("Go could not build Caddy")?.program;
    program_image(engine, &scratch.join("caddy"), "test/caddy-program", &[caddy], release)
}

fn program_image(
    engine: &Engine,
    folder: &Path,
    image: &str,
    programs: &[PathBuf],
    release: u32,
) -> Outcome<()> {
    let out = folder.join("out");
    fs::create_dir_all(out.join("symbols"))?;
    fs::copy("/etc/ssl/certs/ca-certificates.crt", out.join("ca-certificates.crt"))?;
    for program in programs {
        let to = out.join(program.file_name().ok_or("a program has a name")?);
        // As the Dockerfile does it.
        said("strip", Command::new("strip").args(["--strip-all", "-o"]).arg(&to).arg(program))?;
        // Bytes behind the end of a program change it and not what it does.
        let mut file = fs::OpenOptions::new().append(true).open(&to)?;
        std::io::Write::write_all(&mut file, format!("release {release}").as_bytes())?;
    }
    let archive = folder.with_extension("tar");
    let mut tar = Command::new("tar");
    tar.args(["--owner=0", "--group=0", "-C"]).arg(folder).arg("-cf").arg(&archive).arg("out");
    said("tar", &mut tar)?;
    engine.import(&archive, image, &[])?;
    fs::remove_file(archive)?;
    Ok(fs::remove_dir_all(folder)?)
}
