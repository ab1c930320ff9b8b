//! Debian's packages: installed by apt where that is allowed, else unpacked into the cache folder, where nobody
//! needs to be root. Packages that would start a service are only ever unpacked.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::{Tool, cache_folder, locate, run, wrap};

/// How packages get onto the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Root,
    Sudo,
    None,
}

fn access() -> Access {
    static FOUND: OnceLock<Access> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let id = Command::new("id").arg("-u").output();
        if id.is_ok_and(|output| output.stdout.trim_ascii() == b"0") {
            Access::Root
        } else if run(Command::new("sudo").args(["-n", "true"])).is_ok() {
            Access::Sudo
        } else {
            Access::None
        }
    })
}

/// The packages of a tool, and the programs that they bring, by their paths.
const fn packages(tool: Tool) -> (&'static [&'static str], &'static [(&'static str, &'static str)]) {
    match tool {
        Tool::Curl => (&["curl"], &[("curl", "usr/bin/curl")]),
        Tool::Openssl => (&["openssl"], &[("openssl", "usr/bin/openssl")]),
        Tool::Node => (&["nodejs", "npm"], &[]),
        Tool::Php => (&["php-cli"], &[("php", "usr/bin/php*")]),
        Tool::Chromium => (
            &["chromium", "chromium-driver"],
            &[("chromium", "usr/lib/chromium/chromium"), ("chromedriver", "usr/bin/chromedriver")],
        ),
        Tool::Promtool => (&["prometheus"], &[("promtool", "usr/bin/promtool")]),
        Tool::Caddy => (&["caddy"], &[("caddy", "usr/bin/caddy")]),
        Tool::Go | Tool::StripeMock => (&[], &[]),
    }
}

/// Installs a tool's packages.
pub(super) fn install(tool: Tool) -> Result<&'static str, String> {
    if locate("apt-get").is_none() || locate("dpkg-deb").is_none() {
        return Err("it is not installed, and there is no apt to install it with".to_owned());
    }
    let (names, programs) = packages(tool);
    // These start a service where they are installed, and need nothing beside them.
    let is_service = matches!(tool, Tool::Promtool | Tool::Caddy);
    if !is_service && access() != Access::None {
        return apt(names);
    }
    if programs.is_empty() {
        return Err("it is not installed, and nobody here may install it".to_owned());
    }
    let root = unpack(names, !is_service)?;
    for (name, path) in programs {
        wrap(name, &variables(tool, &root)?, &[&matching(&root, path)?])?;
    }
    Ok("unpacked from Debian's packages")
}

/// Makes a library that a program of ours needs available; the variables with which that program finds it, none
/// where it is where all look.
pub(crate) fn library(package: &str) -> Result<Vec<(&'static str, String)>, String> {
    if locate("apt-get").is_none() {
        return Err(format!("there is no apt to install {package} with"));
    }
    if access() != Access::None {
        return apt(&[package]).map(|_| Vec::new());
    }
    let root = unpack(&[package], true)?;
    Ok(vec![("LD_LIBRARY_PATH", libraries(&root))])
}

/// Installs packages for everybody.
fn apt(packages: &[&str]) -> Result<&'static str, String> {
    static UPDATED: OnceLock<Result<(), String>> = OnceLock::new();
    let apt_get = |words: &[&str]| {
        let mut command = match access() {
            Access::Sudo => Command::new("sudo"),
            _ => Command::new("env"),
        };
        if access() == Access::Sudo {
            command.args(["-n", "env"]);
        }
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]);
        run(command.args(words))
    };
    UPDATED.get_or_init(|| apt_get(&["update"])).clone()?;
    apt_get(&[&["install", "-y", "--no-install-recommends"], packages].concat())?;
    Ok("installed with apt")
}

/// Unpacks packages, with all that they depend on and the machine has not, into one folder.
fn unpack(packages: &[&str], with_dependencies: bool) -> Result<PathBuf, String> {
    static UPDATED: OnceLock<Result<(), String>> = OnceLock::new();
    let folder = cache_folder().join("debian");
    let (root, archives) = (folder.join("root"), folder.join("archives"));
    for path in [root.clone(), archives.join("partial"), folder.join("lists/partial")] {
        std::fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    // apt with lists and a cache of its own: it needs to write nowhere else.
    let apt_get = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(["-qq", "-o", "Debug::NoLocking=true", "-o", "APT::Sandbox::User="]);
        for (option, path) in [("Dir::State::lists", folder.join("lists")), ("Dir::Cache", folder.clone())] {
            command.arg("-o").arg(format!("{option}={}", path.display()));
        }
        command.arg("-o").arg(format!("Dir::Cache::archives={}", archives.display()));
        run(command.args(words).current_dir(&archives))
    };
    UPDATED.get_or_init(|| apt_get(&["update"])).clone()?;
    if with_dependencies {
        let words = ["install", "-y", "--no-install-recommends", "--download-only", "--reinstall"];
        apt_get(&[&words, packages].concat())?;
    } else {
        apt_get(&[&["download"], packages].concat())?;
    }
    for archive in files(&archives, "deb")? {
        run(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&root))?;
        let _ = std::fs::remove_file(archive);
    }
    Ok(root)
}

fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, String> {
    let listed = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let paths = listed.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect())
}

/// A file of the folder; a star at its end stands for a version.
fn matching(root: &Path, path: &str) -> Result<PathBuf, String> {
    let missing = || format!("the packages bring no {path}");
    let Some(start) = path.strip_suffix('*') else {
        return Some(root.join(path)).filter(|file| file.is_file()).ok_or_else(missing);
    };
    let (folder, name) = start.rsplit_once('/').unwrap_or(("", start));
    let listed = std::fs::read_dir(root.join(folder)).map_err(|_| missing())?;
    let is_version = |file: &Path| {
        let rest = file.file_name().and_then(|file| file.to_str()?.strip_prefix(name));
        rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
    };
    listed.filter_map(|entry| Some(entry.ok()?.path())).find(|file| is_version(file)).ok_or_else(missing)
}

/// Folders of libraries within unpacked packages, for the loader.
fn libraries(root: &Path) -> String {
    let mut folders = Vec::new();
    for parent in ["usr/lib", "lib"] {
        let listed = std::fs::read_dir(root.join(parent)).into_iter().flatten();
        let paths = listed.filter_map(|entry| Some(entry.ok()?.path()));
        folders.extend(paths.filter(|path| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.contains("-linux-gnu"))
        }));
    }
    // Some packages have a folder of their own for them.
    let own: Vec<PathBuf> =
        folders.iter().flat_map(|folder| ["pulseaudio", "nss"].map(|name| folder.join(name))).collect();
    folders.extend(own.into_iter().filter(|path| path.is_dir()));
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(":")
}

fn variables(tool: Tool, root: &Path) -> Result<Vec<(&'static str, String)>, String> {
    let mut variables = vec![("LD_LIBRARY_PATH", libraries(root))];
    let inside = |path: &str| root.join(path).display().to_string();
    if tool == Tool::Chromium {
        // Fonts are looked for where the system has them, and where they were unpacked.
        let file = root.with_file_name("fonts.conf");
        let cache = root.with_file_name("fonts").display().to_string();
        let text = format!(
            "<?xml version=\"1.0\"?><fontconfig><dir>{}</dir><dir>/usr/share/fonts</dir>\
                 <cachedir>{cache}</cachedir></fontconfig>\n",
            inside("usr/share/fonts")
        );
        std::fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
        variables.push(("FONTCONFIG_FILE", file.display().to_string()));
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_a_version_in_its_name_is_found() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("usr/bin")).unwrap();
        for name in ["php8.2", "php-cgi", "phpize"] {
            std::fs::write(root.path().join("usr/bin").join(name), "").unwrap();
        }
        assert_eq!(matching(root.path(), "usr/bin/php*").unwrap(), root.path().join("usr/bin/php8.2"));
        assert!(matching(root.path(), "usr/bin/phpize").is_ok());
        assert!(matching(root.path(), "usr/bin/node").is_err());
    }

    #[test]
    fn every_tool_comes_from_somewhere() {
        for tool in Tool::ALL.iter().filter(|tool| !matches!(tool, Tool::Go | Tool::StripeMock)) {
            assert!(!packages(*tool).0.is_empty(), "{}", tool.name());
        }
    }

    #[test]
    fn folders_of_libraries_are_found() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("usr/lib/x86_64-linux-gnu/nss")).unwrap();
        std::fs::create_dir_all(root.path().join("usr/lib/chromium")).unwrap();
        let folder = root.path().join("usr/lib/x86_64-linux-gnu").display().to_string();
        assert_eq!(libraries(root.path()), format!("{folder}:{folder}/nss"));
    }
}
