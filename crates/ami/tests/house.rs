//! The house: which crate may know which, and generated files that are committed.

use std::path::Path;
use std::process::Command;

/// Crates that a crate of ours may not reach, however far down.
const FORBIDDEN: [(&str, &[&str]); 8] = [
    ("ami-domain", &["rocket", "sea-orm", "tokio", "aws-sdk-s3", "subsetter", "minijinja"]),
    ("ami-scoring", &["ami-domain", "rocket", "sea-orm", "tokio", "aws-sdk-s3", "subsetter", "jiff"]),
    ("ami-storage", &["ami-domain", "rocket", "sea-orm", "subsetter", "minijinja"]),
    ("ami-database", &["rocket", "aws-sdk-s3", "subsetter", "minijinja", "ami-scoring"]),
    ("ami-documents", &["rocket", "sea-orm", "aws-sdk-s3", "minijinja", "ami-database"]),
    ("ami-views", &["rocket", "sea-orm", "aws-sdk-s3", "subsetter", "ami-database"]),
    ("ami-services", &["rocket", "ami-api"]),
    ("ami-migrations", &["ami-domain", "rocket"]),
];

#[test]
fn arrows_point_one_way() {
    for (crate_name, forbidden) in FORBIDDEN {
        let tree = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "--edges",
                "normal",
                "--prefix",
                "none",
                "--format",
                "{p}",
                "--package",
                crate_name,
            ])
            .output()
            .unwrap();
        assert!(tree.status.success(), "{crate_name}: {}", String::from_utf8_lossy(&tree.stderr));
        let tree = String::from_utf8(tree.stdout).unwrap();
        assert!(tree.starts_with(crate_name), "{crate_name} is first in its own tree");
        for line in tree.lines() {
            let name = line.split(' ').next().unwrap();
            assert!(!forbidden.contains(&name), "{crate_name} reaches {name}");
        }
    }
}

#[test]
fn the_committed_description_of_the_api_is_the_codes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let described = ami_api::openapi() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &described).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap() == described,
        "run `cargo xtask generate` and commit docs/openapi.json"
    );
}
