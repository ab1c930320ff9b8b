//! House rules that no compiler checks: read from the sources, so that they hold for the next line too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

/// A file of the repository, by its path from the root.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Its lines without comments, strings kept, up to the tests at its end.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let production = self.text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = production.lines().enumerate();
        lines.filter(|(_, line)| !line.trim_start().starts_with("//")).map(|(index, line)| (index + 1, line))
    }

    /// Whether it holds nothing but tests.
    fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        self.path.starts_with("tests/") || name.ends_with("_tests.rs") || name == "tests.rs"
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The files that git has, or would take; without git, or outside of a checkout, what lies here.
fn tracked() -> Vec<String> {
    let listing = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(listing).current_dir(root()).output();
    let Some(output) = output.ok().filter(|output| output.status.success()) else {
        let mut found = Vec::new();
        walk(Path::new(""), &mut found);
        return found;
    };
    let listed = String::from_utf8(output.stdout).unwrap();
    listed.lines().filter(|path| root().join(path).is_file()).map(str::to_owned).collect()
}

fn walk(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap) {
        let (name, path) = (entry.file_name(), folder.join(entry.file_name()));
        // As .gitignore has it.
        let is_ours = !["target", ".git", ".env", "node_modules"].iter().any(|other| name == *other);
        if entry.file_type().unwrap().is_dir() && is_ours {
            walk(&path, found);
        } else if is_ours {
            found.push(path.display().to_string());
        }
    }
}

/// Rust files below a folder.
fn rust(folder: &str) -> Vec<Source> {
    let is_wanted = |path: &String| {
        path.starts_with(folder) && Path::new(path).extension().is_some_and(|extension| extension == "rs")
    };
    let read = |path: String| Source { text: std::fs::read_to_string(root().join(&path)).unwrap(), path };
    let found: Vec<Source> = tracked().into_iter().filter(is_wanted).map(read).collect();
    assert!(!found.is_empty(), "there is nothing below {folder}");
    found
}

fn must_be_empty(offences: &[String], rule: &str) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

/// Lines of code below a folder that hold one of these words.
fn lines_with(folder: &str, words: &[&str], is_exempt: impl Fn(&Source) -> bool) -> Vec<String> {
    let mut offences = Vec::new();
    for source in rust(folder).iter().filter(|source| !is_exempt(source)) {
        for (number, line) in source.code() {
            if words.iter().any(|word| line.contains(word)) {
                offences.push(format!("{}:{number}: {}", source.path, line.trim()));
            }
        }
    }
    offences
}

#[test]
fn the_domain_depends_on_nothing_that_acts() {
    let manifest = std::fs::read_to_string(root().join("crates/domain/Cargo.toml")).unwrap();
    let after = manifest.split("[dependencies]").nth(1).unwrap();
    let listed = after.split("\n[").next().unwrap().lines().filter(|line| !line.is_empty());
    let names: Vec<&str> = listed.map(|line| line.split(['.', ' ']).next().unwrap()).collect();
    let pure = [
        "base64",
        "bson",
        "hex",
        "ipnet",
        "iso_currency",
        "jiff",
        "roxmltree",
        "rust_decimal",
        "serde",
        "serde_json",
        "sha2",
        "subtle",
        "thiserror",
        "url",
    ];
    assert_eq!(names, pure, "the domain computes: what reads, sends or draws lots is for other crates");
    assert!(
        after.contains("bson = { workspace = true, optional = true }"),
        "it works without the driver's types"
    );
    let words = ["mongodb", "bson", "axum", "reqwest", "hyper", "http::"];
    // How an id and a time of the domain are written down stands beside them: no other crate may say so.
    let offences = lines_with("crates/domain/src/", &words, |source| source.path.ends_with("/src/codec.rs"));
    must_be_empty(&offences, "the domain is pure: a BSON shape belongs in store/, a call in app/");
}

#[test]
fn services_never_import_each_other() {
    let services = [("admin-api", "admin_api"), ("main-backend", "main_backend"), ("worker", "worker")];
    let mut offences = Vec::new();
    for (folder, own) in services {
        let manifest = std::fs::read_to_string(root().join(format!("services/{folder}/Cargo.toml"))).unwrap();
        for (other, name) in services.iter().filter(|(_, name)| *name != own) {
            let depends = manifest.lines().any(|line| line.starts_with(other));
            if depends {
                offences.push(format!("services/{folder}/Cargo.toml depends on {other}"));
            }
            let words = [format!("use {name}::"), format!(" {name}::"), format!("({name}::")];
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            // A service may have a module of its own by that name.
            let own_module = rust(&format!("services/{folder}/")).iter().any(|source| {
                source.path.ends_with(&format!("/{name}.rs")) || source.path.contains(&format!("/{name}/"))
            });
            if !own_module {
                offences.extend(lines_with(&format!("services/{folder}/"), &words, |_| false));
            }
        }
    }
    must_be_empty(&offences, "what two services need belongs in core or web-kit");
}

/// Files beside `store/{tenant,list,unscoped}.rs` that speak to a collection themselves, and why they may.
const OWN_QUERIES: &[(&str, &str)] = &[
    (
        "app/rotate.rs",
        "every collection of a tenant in turn: reads start from scope(), writes name what was read",
    ),
    ("app/deliveries.rs", "bulk recover: one update_many, its filter starts from scope()"),
    ("jobs/attempt.rs", "a worker that holds the lane, which names the tenant"),
    ("jobs/disable.rs", "a worker that holds the lane, which names the tenant"),
    ("jobs/lanes.rs", "lanes are claimed whosever they are"),
    ("jobs/queue.rs", "a worker that holds the lane, which names the tenant"),
    ("jobs/relay.rs", "by the id of a document that was just read"),
    ("store/quotas.rs", "counters by a keyed hash of whose they are"),
    ("store/backup/read.rs", "a restore: the whole database, by the operator's hand"),
    ("store/backup/write.rs", "a backup: the whole database, by the operator's hand"),
    ("store/due.rs", "what is due is found and claimed whosever it is"),
    ("store/daily_sums.rs", "one tenant's sums: everything starts from scope()"),
    ("store/group_commit.rs", "writes what it is given, reads back its own ids"),
    ("store/indexes.rs", "makes indexes"),
    ("store/keys.rs", "data keys: one document per organization, by its id"),
    ("store/retention.rs", "marks by their names; lanes of which nothing is known"),
    ("store/migrations.rs", "steps of the whole installation, by their numbers"),
    ("store/orders.rs", "glances at one tenant's documents: every filter starts from scope()"),
    ("store/texts.rs", "seals what older versions stored, of every organization"),
];

#[test]
fn queries_start_from_a_tenant_or_stand_in_unscoped() {
    let calls = [
        ".find(doc!",
        ".find(filter",
        ".find(due",
        ".find_one(",
        ".find_one_and_update(",
        ".update_many(",
        ".update_one(",
        ".delete_many(",
        ".delete_one(",
        ".replace_one(",
        ".count_documents(",
        ".aggregate(",
        ".distinct(",
    ];
    // A scoped store has these names too; what it is called on tells.
    let scoped = |line: &str| {
        ["store.find", "for_org(", "store.update", "store.count", "store.delete", ".iter"]
            .iter()
            .any(|start| line.contains(start))
    };
    let is_exempt = |source: &Source| {
        let inside = source.path.trim_start_matches("crates/core/src/");
        let has_leave = OWN_QUERIES.iter().any(|(path, _)| *path == inside)
            || ["store/tenant.rs", "store/list.rs", "store/unscoped.rs"].contains(&inside);
        source.is_test() || has_leave || inside.starts_with("store/migrations/")
    };
    let mut offences = lines_with("crates/core/src/", &calls, is_exempt);
    offences.retain(|line| !scoped(line.as_str()));
    must_be_empty(&offences, "use store.for_org(tenant), or put the look-up into store/unscoped.rs");

    for (path, why) in OWN_QUERIES {
        let path = root().join("crates/core/src").join(path);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let speaks = text.contains("collection");
        assert!(speaks, "{} needs no leave any more ({why}): take it out", path.display());
    }
}

#[test]
fn services_leave_queries_to_the_core() {
    let words = ["mongodb::Collection", ".collection::<", ".database()", "mongodb::Client"];
    let offences = lines_with("services/", &words, |source| {
        // Change streams wake the relay; readiness pings the server.
        source.is_test() || source.path.starts_with("services/worker/src/jobs/")
    });
    must_be_empty(&offences, "a filter, an update, a BSON shape belong in core's store/");
}

#[test]
fn main_files_are_short() {
    let mut offences = Vec::new();
    for source in rust("services/").iter().filter(|source| source.path.ends_with("/src/main.rs")) {
        let lines = source.text.lines().count();
        if lines > 40 {
            offences.push(format!("{}: {lines} lines", source.path));
        }
    }
    must_be_empty(&offences, "main.rs is telemetry, config, run: at most 40 lines");
}

/// Files with long tables of text, or of what is tested.
const LONG_FILES: &[(&str, &str)] = &[
    ("services/main-backend/src/checkout/pages.rs", "a struct and its samples per page"),
    ("crates/web-kit/src/text.rs", "every sentence of the checkout pages, in every language"),
];

#[test]
fn files_are_of_a_readable_length() {
    const LINES_MAX: usize = 900;
    let mut offences = Vec::new();
    for folder in ["crates/", "services/", "tests/"] {
        for source in rust(folder) {
            let lines = source.text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let lines = lines.lines().count();
            let has_leave = LONG_FILES.iter().any(|(path, _)| *path == source.path);
            if lines > LINES_MAX && !has_leave {
                offences.push(format!("{}: {lines} lines", source.path));
            }
        }
    }
    must_be_empty(&offences, "a file of more than 900 lines holds more than one subject");
}

#[test]
fn functions_are_at_most_seventy_lines_by_clippy() {
    let clippy = std::fs::read_to_string(root().join("clippy.toml")).unwrap();
    assert!(clippy.contains("too-many-lines-threshold = 70"), "clippy.toml: too-many-lines-threshold = 70");
    let offences = lines_with("", &["clippy::too_many_lines"], |source| source.path.ends_with("/tidy.rs"));
    must_be_empty(&offences, "nobody switches the limit off");
}

#[test]
fn money_and_floats_stay_apart() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("float_arithmetic = \"deny\""), "the lint is denied in the workspace");
    let mut offences = Vec::new();
    for folder in ["crates/domain/src/", "crates/core/src/app/", "crates/core/src/store/"] {
        offences.extend(lines_with(folder, &["f64", "f32"], |_| false));
    }
    offences.extend(lines_with("crates/providers/src/", &["f64", "f32"], |_| false));
    must_be_empty(&offences, "money is integers in minor units, rates are rust_decimal");
    let inherits = |path: &String| path.ends_with("Cargo.toml") && path.contains('/');
    for path in tracked().into_iter().filter(inherits) {
        let manifest = std::fs::read_to_string(root().join(&path)).unwrap();
        let text = "[lints]\nworkspace = true";
        assert!(manifest.contains(text), "{path} does not take the workspace's lints");
    }
    let switched_off = ["clippy::float_arithmetic", "unsafe_code"];
    let offences = lines_with("", &switched_off, |source| {
        // Light is not money.
        source.path == "crates/web-kit/src/color.rs" || source.path.ends_with("/tidy.rs")
    });
    must_be_empty(&offences, "a lint that guards money is switched off");
}

#[test]
fn services_log_and_do_not_print() {
    let words = ["println!", "eprintln!", "print!(", "dbg!("];
    let offences = lines_with("services/", &words, |source| {
        // Commands answer whoever typed them.
        source.path.ends_with("/src/main.rs") || source.path.contains("/src/commands/") || source.is_test()
    });
    must_be_empty(&offences, "services log with tracing");
    for folder in ["crates/core/", "crates/providers/", "crates/web-kit/"] {
        must_be_empty(&lines_with(folder, &words, Source::is_test), "libraries log with tracing");
    }
}

#[test]
fn every_fault_point_is_passed_somewhere() {
    let sources: Vec<Source> = ["crates/core/src/", "services/"].iter().flat_map(|f| rust(f)).collect();
    let passes = |name: &str| {
        let call = format!("point(\"{name}\")");
        sources.iter().any(|source| source.code().any(|(_, line)| line.contains(&call)))
    };
    let unpassed: Vec<String> =
        gateway_core::fault::POINTS.iter().filter(|name| !passes(name)).map(|&n| n.to_owned()).collect();
    must_be_empty(&unpassed, "points that the kill matrix names and nobody passes");
    let recoveries = gateway_core::fault::Recovery::ALL;
    let used = |recovery: &gateway_core::fault::Recovery| {
        let name = format!("Recovery::{recovery:?}.is_on()");
        sources.iter().any(|source| source.text.contains(&name))
    };
    let unused: Vec<String> = recoveries.iter().filter(|r| !used(r)).map(|r| format!("{r:?}")).collect();
    must_be_empty(&unused, "recovery code that cannot be switched off");
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut offences = Vec::new();
    for path in tracked().into_iter().filter(|path| Path::new(path).extension().is_some_and(|e| e == "md")) {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        let folder = root().join(&path).parent().unwrap().to_owned();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            let is_local = !target.contains("://") && !target.starts_with("mailto:") && !file.is_empty();
            if is_local && !folder.join(file).exists() {
                offences.push(format!("{path}: {target}"));
            }
        }
    }
    must_be_empty(&offences, "links that lead nowhere");
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for folder in ["crates", "services"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = format!("{folder}/{}", entry.unwrap().file_name().to_string_lossy());
            assert!(readme.contains(&name), "README's map does not show {name}");
        }
    }
}

#[test]
fn nothing_of_one_machine_is_in_the_repository() {
    // Put together here, so that this file does not find itself.
    let words = [
        ["/ro", "ot/"].concat(),
        ["/wo", "rk/"].concat(),
        ["/ho", "me/"].concat(),
        ["/Us", "ers/"].concat(),
        ["py", "pi.org"].concat(),
        ["pythonhosted", ".org"].concat(),
        ["registry.", "npmjs"].concat(),
        ["static.", "crates.io"].concat(),
        ["proxy.", "golang"].concat(),
    ];
    let mut offences = Vec::new();
    for path in tracked().into_iter().filter(|path| path != "Cargo.lock") {
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (index, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word.as_str())) {
                offences.push(format!("{path}:{}: {}", index + 1, line.trim()));
            }
        }
    }
    must_be_empty(&offences, "paths of a machine, or hosts of package registries");
}

/// Text between quotes in a line.
fn literals(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2)
}

fn is_variable(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|c| c.is_ascii_uppercase())
        && text.contains('_')
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Every environment variable that the services read, with the file that reads it.
fn variables_read() -> BTreeMap<String, String> {
    let mut read = BTreeMap::new();
    let mut found = |name: String, source: &Source| {
        read.entry(name).or_insert_with(|| source.path.clone());
    };
    for folder in ["crates/core/src/", "crates/providers/src/", "crates/web-kit/src/", "services/"] {
        for source in rust(folder).iter().filter(|source| !source.is_test()) {
            let is_config = source.path.ends_with("/config.rs");
            for (_, line) in source.code() {
                for literal in literals(line).filter(|literal| is_variable(literal)) {
                    let asks =
                        ["env::var", "env_var", "env =", "settings.text(", "reader.text(", "from_env()."];
                    let asked = asks.iter().any(|asks| line.contains(asks));
                    let is_role = line.contains("public_url(");
                    if is_role {
                        found(format!("{literal}_URL"), source);
                        found(format!("{literal}_DOMAIN"), source);
                    } else if is_config || asked {
                        found(literal.to_owned(), source);
                    }
                }
                if line.contains("rate(&mut reader") {
                    for of in literals(line) {
                        found(format!("RATE_LIMIT_{of}_PER_SECOND"), source);
                        found(format!("RATE_LIMIT_{of}_BURST"), source);
                    }
                }
            }
        }
    }
    read
}

/// Every variable that the compose file and the Caddyfile ask for.
fn variables_of_deployment() -> BTreeMap<String, String> {
    let files = tracked().into_iter();
    let files = files.filter(|path| {
        path == "docker-compose.yml" || path == "deploy/Caddyfile" || path.ends_with(".caddyfile")
    });
    // Compose itself reads this one.
    let mut read = BTreeMap::from([("COMPOSE_PROFILES".to_owned(), "docker-compose.yml".to_owned())]);
    for path in files {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        for start in lines.flat_map(|line| ["${", "{$", "{env."].map(|opening| (line, opening))) {
            for rest in start.0.split(start.1).skip(1) {
                let name: String =
                    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                if is_variable(&name) {
                    read.insert(name, path.clone());
                }
            }
        }
    }
    read
}

/// The names in the first column of the tables, of all sections but one where that is left out.
fn variables_documented(left_out: Option<&str>) -> BTreeSet<String> {
    let path = root().join("docs/configuration.md");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let text = left_out.map_or(text.as_str(), |heading| text.split(heading).next().unwrap_or_default());
    let cells = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    cells.map(str::to_owned).collect()
}

#[test]
fn every_environment_variable_is_documented() {
    let (mut read, documented) = (variables_read(), variables_documented(None));
    assert!(read.len() > 20, "the scan finds what the services read: {read:?}");
    let deployed = variables_of_deployment();
    assert!(deployed.len() > 20, "the scan finds what is deployed: {deployed:?}");
    read.extend(deployed);
    let mut problems = String::new();
    for (name, path) in read.iter().filter(|(name, _)| !documented.contains(*name)) {
        let _ = writeln!(problems, "  {name}, read in {path}, is missing in docs/configuration.md");
    }
    for name in documented.iter().filter(|name| !read.contains_key(*name)) {
        let _ = writeln!(problems, "  {name} stands in docs/configuration.md, and nobody reads it");
    }
    assert!(problems.is_empty(), "one table, what is read and nothing else:\n{problems}");
}

/// `.env.example` is what operators read first.
#[test]
fn the_example_env_file_has_every_variable_and_its_explanation() {
    let text = std::fs::read_to_string(root().join("deploy/.env.example")).unwrap();
    let mut named = BTreeSet::new();
    let mut is_explained = false;
    for line in text.lines() {
        let setting = line.trim_start_matches('#').split_once('=').map(|(name, _)| name);
        match setting.filter(|name| is_variable(name)) {
            Some(name) => {
                assert!(is_explained, "{name} has no explanation above it");
                assert!(named.insert(name.to_owned()), "{name} is there twice");
            }
            // An explanation holds for all settings that follow without an empty line.
            None => is_explained = line.starts_with("# ") && !line.starts_with("# ---"),
        }
    }
    // Debug builds are not deployed.
    let documented = variables_documented(Some("## Debug builds only"));
    assert_eq!(named, documented, "deploy/.env.example and docs/configuration.md name the same variables");
}

/// Names in capitals that stand in the guides and are no codes of errors: variables of the environment.
fn is_of_the_environment(word: &str) -> bool {
    const OURS: [&str; 3] = ["IPN_SECRET", "WEBHOOK_SECRET", "SHOP_URL"];
    let configuration = std::fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    let is_foreign = ["TOLLGATE_", "OTEL_"].iter().any(|start| word.starts_with(start));
    is_foreign || OURS.contains(&word) || configuration.contains(&format!("`{word}`"))
}

#[test]
fn every_code_that_the_guides_name_is_one_that_is_answered() {
    let sources: String =
        ["crates/", "services/"].iter().flat_map(|folder| rust(folder)).map(|source| source.text).collect();
    let (mut offences, mut found) = (Vec::new(), 0);
    for guide in ["docs/api.md", "docs/bank-transfers.md", "docs/invoices.md", "docs/operations.md"] {
        let text = std::fs::read_to_string(root().join(guide)).unwrap();
        for word in text.split('`').skip(1).step_by(2) {
            let parts: Vec<&str> = word.split('_').collect();
            let is_code = parts.len() > 1
                && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_uppercase()));
            if !is_code || is_of_the_environment(word) {
                continue;
            }
            found += 1;
            if !sources.contains(&format!("\"{word}\"")) {
                offences.push(format!("{guide}: `{word}`"));
            }
        }
    }
    assert!(found > 30, "{found}");
    must_be_empty(&offences, "a guide names a code that nothing answers");
}

#[test]
fn the_guide_lists_every_scope_and_every_event_type() {
    use gateway_core::domain::{outbox::EventType, scope::Scope};
    let guide = std::fs::read_to_string(root().join("docs/api.md")).unwrap();
    let scopes = Scope::ALL.iter().map(|scope| format!("| `{}` |", scope.as_str()));
    must_be_empty(
        &scopes.filter(|row| !guide.contains(row.as_str())).collect::<Vec<_>>(),
        "scopes without a row",
    );
    // `transaction.<status>` and `refund.pending`, `.succeeded` are said in short.
    let kinds: BTreeSet<&str> =
        EventType::ALL.iter().map(|event| event.as_str().split('.').next().unwrap()).collect();
    let missing = kinds.into_iter().filter(|kind| !guide.contains(&format!("`{kind}."))).map(str::to_owned);
    must_be_empty(&missing.collect::<Vec<_>>(), "kinds of events that the guide does not tell of");
}

/// What a browser cuts off without a word may change what was meant: an IBAN, an address, a name.
#[test]
fn no_field_of_a_page_is_cut_off() {
    let templates =
        tracked().into_iter().filter(|path| path.starts_with("services/") && path.contains("/templates/"));
    let cuts =
        templates.filter(|path| std::fs::read_to_string(root().join(path)).unwrap().contains("maxlength"));
    must_be_empty(&cuts.collect::<Vec<_>>(), "fields with a maxlength: say in an error what is too long");
}
