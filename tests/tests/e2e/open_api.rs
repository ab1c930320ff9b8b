//! The OpenAPI documents: linters find nothing in them, the runtime answers as its own says, and the clients that a
//! widespread generator makes of the Admin API's compile and create a checkout.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

use gateway_core::domain::checkout::Checkout;
use mongodb::bson::doc;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    admin::door::Door,
    front::{Answer, Front},
    in_process,
    tools::{install, npm, pip},
    wire,
};

static SOURCES: LazyLock<PathBuf> = LazyLock::new(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi"));

/// Both documents, as they are served.
async fn documents(front: &Front, door: &Door) -> [(&'static str, Value); 2] {
    let admin = door.send(door.request(Method::GET, "/api/v1/openapi.json")).await.ok(200);
    let runtime = Answer::of(front.client.get(front.api("/api/v1/openapi.json"))).await;
    assert_eq!(runtime.status, 200, "{}", runtime.body);
    assert_eq!(runtime.headers["access-control-allow-origin"], "*");
    [("admin-api", admin), ("runtime", runtime.json())]
}

fn node_modules() -> Result<PathBuf, String> {
    install("openapi", &SOURCES, &["package.json", "package-lock.json", ".npmrc"], npm)
        .map(|folder| folder.join("node_modules"))
}

/// Runs a command to its end; its output, or what it said instead.
fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let done = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if done.status.success() {
        return Ok(said(&done.stdout));
    }
    Err(format!("{name} ended with {}: {}{}", done.status, said(&done.stdout), said(&done.stderr)))
}

/// Whether a program is there.
fn has(program: &str, version: &str) -> bool {
    output(Command::new(program).arg(version)).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn linters_find_nothing_in_the_documents() {
    if !has("node", "--version") || !has("npm", "--version") {
        eprintln!("skipped: Node.js is not installed, so nobody lints the OpenAPI documents");
        return;
    }
    let (front, door) = (Front::start().await, Door::open().await);
    let modules = node_modules().unwrap_or_else(|missing| panic!("{missing}"));
    let folder = tempfile::tempdir().unwrap();
    // Modules are looked for beside the script.
    let script = folder.path().join("lint.mjs");
    std::fs::copy(SOURCES.join("lint.mjs"), &script).unwrap();
    std::os::unix::fs::symlink(&modules, folder.path().join("node_modules")).unwrap();
    let mut lint = Command::new("node");
    lint.arg(&script).current_dir(folder.path());
    for (name, document) in documents(&front, &door).await {
        let file = folder.path().join(format!("{name}.json"));
        std::fs::write(&file, document.to_string()).unwrap();
        lint.arg(file);
    }
    let found = tokio::task::spawn_blocking(move || output(&mut lint)).await.unwrap().unwrap();
    let found: Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found, json!([]), "{found:#}");
}

/// Fails where a value is not what a schema of a document says, or says more than it does.
fn fits(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(target) = schema["$ref"].as_str() {
        return fits(document, document.pointer(&target[1..]).unwrap(), value, place);
    }
    if let Some(ways) = schema["oneOf"].as_array() {
        let resolve = |way: &Value| match way["$ref"].as_str() {
            Some(target) => document.pointer(&target[1..]).unwrap().clone(),
            None => way.clone(),
        };
        let is_it = |way: &Value| match &way["properties"]["type"]["enum"][0] {
            Value::Null => (way["type"] == "null") == value.is_null(),
            kind => *kind == value["type"],
        };
        let way = ways.iter().map(resolve).find(is_it);
        return fits(
            document,
            &way.unwrap_or_else(|| panic!("{place} is none of them: {value}")),
            value,
            place,
        );
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    assert!(kinds.contains(&json!(kind)), "{place} is no {kinds:?}: {value}");
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{place} is none of {words:?}: {value}");
    }
    for (index, one) in value.as_array().into_iter().flatten().enumerate() {
        fits(document, &schema["items"], one, &format!("{place}[{index}]"));
    }
    if let Some(object) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(object.contains_key(name.as_str().unwrap()), "{place} has no {name}: {value}");
        }
        for (name, inner) in object {
            let schema = &schema["properties"][name];
            assert!(!schema.is_null(), "{place}.{name} is not in the document");
            fits(document, schema, inner, &format!("{place}.{name}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runtime_answers_as_its_document_says() {
    let front = Front::start().await;
    let document = Answer::of(front.client.get(front.api("/api/v1/openapi.json"))).await.json();
    let server = document["servers"][0]["url"].as_str().unwrap();
    assert_eq!(format!("{server}/api/v1/openapi.json"), front.api("/api/v1/openapi.json"));
    let mut seen = Vec::new();
    let mut check = |path: &str, method: &str, answer: &Answer| {
        let operation = &document["paths"][path][method];
        assert!(!operation.is_null(), "{method} {path}");
        let status = answer.status.as_u16().to_string();
        let response = &operation["responses"][&status];
        assert!(!response.is_null(), "{method} {path} answered {status}: {}", answer.body);
        let response = match response["$ref"].as_str() {
            Some(target) => document.pointer(&target[1..]).unwrap(),
            None => response,
        };
        let schema = &response["content"]["application/json"]["schema"];
        fits(&document, schema, &answer.json(), &format!("{method} {path} {status}"));
        seen.push(format!("{method} {path} {status}"));
    };
    let bank = wire::bank(&front.app, front.seed.tenant).await.to_string();
    tokio::time::sleep(gateway_core::app::SETTINGS_CACHE).await;
    let (session, create, status, cancel) = (
        "/api/v1/checkouts/{sessionPublicId}",
        "/api/v1/transactions/create",
        "/api/v1/transactions/{id}/status",
        "/api/v1/transactions/{id}/cancel",
    );
    let get = async |path: String| Answer::of(front.client.get(front.api(&path))).await;
    let post =
        async |path: String, body: Value| Answer::of(front.client.post(front.api(&path)).json(&body)).await;
    let checkout = front.ten_euros().await;
    let id = &checkout.public_id;
    check(session, "get", &get(format!("/api/v1/checkouts/{id}")).await);
    check(session, "get", &get("/api/v1/checkouts/none".to_owned()).await);
    for provider in [front.provider("sandbox"), bank, "none".to_owned(), front.seed.site.id.to_string()] {
        let body =
            json!({ "sessionPublicId": id, "providerId": provider, "billingAddress": { "city": "Town" } });
        check(create, "post", &post(create.to_owned(), body).await);
    }
    check(session, "get", &get(format!("/api/v1/checkouts/{id}")).await);
    let payment = front.transactions(&checkout).await[0].id;
    check(status, "get", &get(format!("/api/v1/transactions/{payment}/status?session={id}")).await);
    check(status, "get", &get(format!("/api/v1/transactions/{payment}/status?session=x")).await);
    let proof = json!({ "sessionPublicId": id });
    for _ in 0..2 {
        check(cancel, "post", &post(format!("/api/v1/transactions/{payment}/cancel"), proof.clone()).await);
    }
    let origin =
        front.client.get(front.api(&format!("/api/v1/checkouts/{id}"))).header("origin", "https://evil.test");
    check(session, "get", &Answer::of(origin).await);
    let answered: Vec<&str> = ["get", "post"]
        .into_iter()
        .filter(|method| seen.iter().any(|one| one.starts_with(method) && one.ends_with("200")))
        .collect();
    assert_eq!(answered.len(), 2, "{seen:?}");
    let all: usize = document["paths"].as_object().unwrap().len();
    let tried = document["paths"]
        .as_object()
        .unwrap()
        .keys()
        .filter(|path| seen.iter().any(|s| s.contains(path.as_str())));
    assert_eq!(tried.count(), all - 1, "all but the stream of events, which `runtime.rs` reads: {seen:?}");
}

/// A language that clients are generated in.
struct Language {
    /// As the generator calls it, and how it is to be called there.
    generator: &'static str,
    properties: &'static str,
    /// What it needs, with the argument that asks for its version.
    programs: &'static [(&'static str, &'static str)],
    /// Compiles what was generated into this folder, with the program of ours that uses it.
    build: fn(&Path) -> Result<(), String>,
    /// Runs that program.
    run: fn(&Path) -> Command,
}

const LANGUAGES: [Language; 4] = [
    Language {
        generator: "go",
        properties: "packageName=client,isGoSubmodule=false,withGoMod=false",
        programs: &[("go", "version")],
        build: |folder| {
            let module = "module tollgate.test\n\ngo 1.21\n\nrequire gopkg.in/validator.v2 v2.0.1\n";
            std::fs::write(folder.join("go.mod"), module).unwrap();
            std::fs::copy(SOURCES.join("clients/main.go"), folder.join("main.go")).unwrap();
            let go = |arguments: &[&str]| {
                output(Command::new("go").args(arguments).env("GOFLAGS", "-mod=mod").current_dir(folder))
            };
            go(&["build", "-o", "create", "."])?;
            go(&["vet", "."]).map(drop)
        },
        run: |folder| Command::new(folder.join("create")),
    },
    Language {
        generator: "python",
        properties: "packageName=openapi_client",
        programs: &[("python3", "--version")],
        build: |folder| {
            let code = "import compileall, sys; sys.exit(not compileall.compile_dir('client/openapi_client', quiet=1))";
            output(Command::new("python3").args(["-c", code]).current_dir(folder)).map(drop)
        },
        run: |folder| {
            let libraries = install("python-client", &SOURCES, &["requirements.txt"], pip);
            let libraries = libraries.unwrap_or_else(|missing| panic!("{missing}"));
            let path = format!("{}:{}", folder.join("client").display(), libraries.display());
            let mut python = Command::new("python3");
            python.args(["-W", "error"]).arg(SOURCES.join("clients/create.py")).env("PYTHONPATH", path);
            python
        },
    },
    Language {
        generator: "typescript-fetch",
        properties: "supportsES6=true,importFileExtension=.js",
        programs: &[("node", "--version"), ("npm", "--version")],
        build: |folder| {
            let source = std::fs::read_to_string(SOURCES.join("clients/create.ts")).unwrap();
            std::fs::write(folder.join("create.ts"), source.replace("/index\"", "/index.js\"")).unwrap();
            std::fs::write(folder.join("package.json"), r#"{ "type": "module" }"#).unwrap();
            let compiler = node_modules()?.join("typescript/bin/tsc");
            let options = [
                "--strict",
                "--target",
                "es2022",
                "--module",
                "nodenext",
                "--outDir",
                "out",
                "--lib",
                "es2022,dom",
                "create.ts",
            ];
            output(Command::new("node").arg(compiler).args(options).current_dir(folder)).map(drop)
        },
        run: |folder| {
            let mut node = Command::new("node");
            node.arg(folder.join("out/create.js"));
            node
        },
    },
    Language {
        generator: "java",
        properties: "library=okhttp-gson,groupId=test.tollgate,artifactId=client,invokerPackage=test.tollgate.client,\
                     apiPackage=test.tollgate.client.api,modelPackage=test.tollgate.client.model,hideGenerationTimestamp=true",
        programs: &[("java", "-version"), ("javac", "-version"), ("mvn", "--version")],
        build: |folder| {
            let client = folder.join("client");
            let place = client.join("src/main/java/test/tollgate");
            std::fs::copy(SOURCES.join("clients/Create.java"), place.join("Create.java")).unwrap();
            let goals = [
                "-q",
                "-B",
                "-Dmaven.test.skip=true",
                "compile",
                "dependency:copy-dependencies",
                "-DoutputDirectory=target/libs",
            ];
            output(Command::new("mvn").args(goals).current_dir(client)).map(drop)
        },
        run: |folder| {
            let mut java = Command::new("java");
            let path = format!("{0}/target/classes:{0}/target/libs/*", folder.join("client").display());
            java.args(["-cp", &path, "test.tollgate.Create"]);
            java
        },
    },
];

/// The generator's program.
fn generator() -> Result<PathBuf, String> {
    let folder = install("openapi-generator", &SOURCES, &["generator.txt"], |folder| {
        let artifact = std::fs::read_to_string(folder.join("generator.txt")).unwrap();
        let artifact = format!("-Dartifact={}", artifact.trim());
        let mut fetch = Command::new("mvn");
        fetch.args(["-q", "-B", "dependency:copy", &artifact, "-DoutputDirectory=."]).current_dir(folder);
        output(&mut fetch).map(drop)
    })?;
    let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    Ok(files.find(|path| path.extension().is_some_and(|name| name == "jar")).unwrap())
}

impl Language {
    fn missing(&self) -> Option<&'static str> {
        let needed = self.programs.iter().chain(&[("java", "-version"), ("mvn", "--version")]);
        needed.copied().find(|(program, version)| !has(program, version)).map(|(program, _)| program)
    }

    /// The folder with the compiled client, made once per state of the document and of our program.
    fn client(&self, document: &str) -> Result<PathBuf, String> {
        let jar = generator()?;
        let mut state = Sha256::new();
        state.update(document);
        for file in ["main.go", "create.py", "create.ts", "Create.java"] {
            state.update(std::fs::read(SOURCES.join("clients").join(file)).unwrap());
        }
        state.update(self.properties);
        let parent = jar.parent().unwrap().parent().unwrap();
        let name = format!("client-{}", self.generator);
        let done = parent.join(format!("{name}-{}", &hex::encode(state.finalize())[..16]));
        if done.exists() {
            return Ok(done);
        }
        let unfinished = parent.join(format!("{name}.unfinished"));
        let _ = std::fs::remove_dir_all(&unfinished);
        std::fs::create_dir_all(&unfinished).unwrap();
        std::fs::write(unfinished.join("document.json"), document).unwrap();
        let mut generate = Command::new("java");
        generate
            .arg("-jar")
            .arg(jar)
            .args(["generate", "-g", self.generator, "-i", "document.json", "-o", "client"])
            .args(["--additional-properties", self.properties])
            .current_dir(&unfinished);
        output(&mut generate)?;
        (self.build)(&unfinished)?;
        std::fs::rename(&unfinished, &done).unwrap();
        Ok(done)
    }
}

async fn a_client_creates_a_checkout(generator: &str) {
    let language = LANGUAGES.iter().find(|one| one.generator == generator).unwrap();
    if let Some(program) = language.missing() {
        eprintln!("skipped: {program} is not installed, so no client in {generator} was generated");
        return;
    }
    let door = Door::open().await;
    let shop = door.shop().await;
    let mut document = door.send(door.request(Method::GET, "/api/v1/openapi.json")).await.ok(200);
    // The port is another each time, and the client is told it.
    document["servers"] = json!([{ "url": "https://gateway.example.com" }]);
    let document = document.to_string();
    let client = tokio::task::spawn_blocking(move || language.client(&document)).await.unwrap();
    let client = client.unwrap_or_else(|problem| panic!("{problem}"));
    let reference = in_process::database_name("client");
    let (api, key, site) = (door.api.clone(), shop.key.clone(), shop.site.clone());
    let order = reference.clone();
    let told = tokio::task::spawn_blocking(move || {
        let mut run = (language.run)(&client);
        run.env("TOLLGATE_API", api).env("TOLLGATE_KEY", key).env("SITE_ID", site).env("REFERENCE", order);
        output(&mut run)
    });
    let told = told.await.unwrap().unwrap_or_else(|problem| panic!("{problem}"));
    let store = door.app.store.for_org(shop.tenant);
    let made = store.find_one::<Checkout>(doc! { "externalReference": &reference }).await.unwrap().unwrap();
    let mut wanted = String::new();
    write!(wanted, "{} 4900 open true", made.id).unwrap();
    assert_eq!(told.trim(), wanted);
    assert_eq!((made.amount, made.currency.to_string().as_str()), (4900, "EUR"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_client_in_go_creates_a_checkout() {
    a_client_creates_a_checkout("go").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_client_in_python_creates_a_checkout() {
    a_client_creates_a_checkout("python").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_client_in_typescript_creates_a_checkout() {
    a_client_creates_a_checkout("typescript-fetch").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_client_in_java_creates_a_checkout() {
    a_client_creates_a_checkout("java").await;
}
