//! What deploys Syncline is valid by the schemas of those who read it, and sets only variables that Syncline knows.

use crate::kit;
use regex::Regex;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// What `helm template` renders for, and its output is checked against.
const KUBERNETES: &str = "1.31";
const SECRET: [&str; 4] = [
    "secret.databaseUrl=postgres://db.example.com/syncline",
    "secret.key=composed",
    "secret.basicAuthUsername=composed",
    "secret.basicAuthPassword=composed",
];

#[test]
fn the_chart_renders_valid_manifests_with_all_roles_in_one_deployment() {
    let manifests = rendered(&SECRET);
    assert!(manifests.contains(r#"args: [serve, --roles, "rpc,web,worker,scheduler"]"#));
    assert_known(&checked(&json!({"manifests": manifests})));
}

#[test]
fn the_chart_renders_valid_manifests_with_a_deployment_for_each_role() {
    let mut settings = SECRET.to_vec();
    settings.extend([
        "workloads.all=null",
        "workloads.api.replicas=2",
        "workloads.api.roles={rpc,web}",
        "workloads.worker.replicas=4",
        "workloads.worker.roles={worker}",
        "secret.redisUrl=redis://redis.example.com:6379",
    ]);
    let manifests = rendered(&settings);
    assert!(manifests.contains("name: it-syncline-worker"));
    assert!(!manifests.contains("name: it-syncline-all"));
    let variables = checked(&json!({"manifests": manifests}));
    assert!(variables.contains(&"REDIS_URL".to_owned()));
    assert_known(&variables);
}

#[test]
fn the_chart_shows_the_certificate_of_a_secret() {
    let settings = [&SECRET[..], &["tls.secretName=web-tls"]].concat();
    let manifests = rendered(&settings);
    assert_known(&checked(&json!({"manifests": manifests})));
    for part in ["secretName: web-tls", "mountPath: /tls", "scheme: HTTPS"] {
        assert!(manifests.contains(part), "no {part}");
    }
    let clear = "appProtocol: kubernetes.io/h2c";
    assert!(!manifests.contains(clear), "gRPC is not in clear there");
    assert!(rendered(&SECRET).contains(clear));
}

#[test]
fn the_chart_says_which_value_is_missing_or_wrong() {
    let required = [&SECRET[..], &["env.SYNCLINE_TLS_CLIENT_AUTH=required"]].concat();
    for (settings, expected) in [
        (&SECRET[..0], "secret.databaseUrl is missing"),
        (&SECRET[..2], "secret.basicAuthUsername is missing"),
        (
            &["workloads.all.roles={wroker}"][..],
            "workloads.all.roles.0",
        ),
        (
            &["secret.databaseUrl=mysql://db.example.com"][..],
            "secret.databaseUrl",
        ),
        (&["replicas=3"][..], "replicas"),
        (
            &required[..],
            "the probes of Kubernetes show no certificate",
        ),
    ] {
        let output = helm("template", settings);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains(expected),
            "{settings:?}: {said}"
        );
    }
}

#[test]
fn the_chart_passes_lint() {
    let output = helm("lint", &SECRET);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn the_compose_file_is_valid_and_asks_for_its_secrets() {
    let compose = fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    let schema = kit::tool("compose-spec.json");
    let variables = checked(&json!({"compose": compose, "compose_schema": schema}));
    assert_known(&variables);
    for secret in ["SYNCLINE_KEY", "POSTGRES_PASSWORD", "BASIC_AUTH_PASSWORD"] {
        assert!(
            compose.contains(&format!("${{{secret}:?")),
            "{secret} has a default"
        );
    }
    assert!(compose.contains("--maxmemory-policy, noeviction"));
    assert!(compose.contains("--appendonly"));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn helm(command: &str, settings: &[&str]) -> Output {
    let mut helm = Command::new(kit::tool("helm"));
    helm.arg(command);
    if command == "template" {
        helm.args(["it", "--kube-version", KUBERNETES]);
    }
    helm.arg(root().join("helm/syncline"));
    for setting in settings {
        helm.arg("--set").arg(setting);
    }
    helm.output().unwrap()
}

fn rendered(settings: &[&str]) -> String {
    let output = helm("template", settings);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The variables that Syncline is given, once everything was found valid.
fn checked(settings: &Value) -> Vec<String> {
    let python: PathBuf = std::env::var_os("SYNCLINE_TEST_PYTHON")
        .map_or_else(|| root().join("target/clients/venv/bin/python"), Into::into);
    let mut settings = settings.clone();
    settings["kubernetes"] = KUBERNETES.into();
    let mut script = Command::new(python)
        .arg(root().join("tests/clients/deployment_python.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tests/clients/install was run");
    let input = script.stdin.take().unwrap();
    serde_json::to_writer(input, &settings).unwrap();
    let output = script.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Each variable is in the manual of the settings.
fn assert_known(variables: &[String]) {
    let manual = fs::read_to_string(root().join("docs/configuration.md")).unwrap();
    assert!(variables.len() > 4, "{variables:?}");
    for variable in variables {
        let named = Regex::new(&format!(r"\b{variable}\b")).unwrap();
        assert!(
            named.is_match(&manual),
            "{variable} is not a variable of Syncline"
        );
    }
}
