//! The help of every subcommand, as whoever installs the program reads it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

/// Words that French has not and that no English sentence does long without.
const ENGLISH: [&str; 19] = [
    "and", "are", "by", "for", "from", "in", "is", "it", "its", "not", "of", "print", "prints", "runs", "the", "this",
    "to", "when", "with",
];

fn help(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_ami")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn assert_french(what: &[&str], help: &str) {
    assert!(help.contains("Utilisation : ami"), "{what:?}: {help}");
    for line in help.lines().filter(|line| !line.starts_with("Utilisation")) {
        let mut words = line.split(|c: char| !c.is_alphanumeric()).map(str::to_lowercase);
        let english = words.find(|word| ENGLISH.contains(&word.as_str()));
        assert!(english.is_none(), "{what:?}, {english:?}: {line}");
    }
}

#[test]
fn every_help_is_in_french() {
    let all = help(&["--help"]);
    let (_, listed) = all.split_once("Commandes:\n").unwrap();
    let commands: Vec<&str> = listed
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    let all_commands = [
        "demo",
        "serve",
        "migrate",
        "create-administrator",
        "outbox",
        "call",
        "officer",
        "journal",
        "check",
        "ranking",
        "receipt",
        "erase",
        "score",
        "openapi",
    ];
    assert_eq!(commands, all_commands);
    assert_eq!(all, help(&["help"]));
    assert_french(&["--help"], &all);
    for command in commands {
        for form in ["--help", "-h"] {
            assert_french(&[command, form], &help(&[command, form]));
        }
        assert_eq!(help(&["help", command]), help(&[command, "--help"]));
    }
    for below in [
        ["outbox", "status"],
        ["outbox", "resume"],
        ["outbox", "retry"],
        ["journal", "verify"],
        ["ranking", "recompute"],
        ["call", "export"],
        ["call", "import"],
        ["call", "diff"],
        ["call", "check"],
        ["officer", "add"],
        ["erase", "dossier"],
    ] {
        let form = [below[0], below[1], "--help"];
        assert_french(&form, &help(&form));
    }
    assert_french(&["help", "help"], &help(&["help", "help"]));
    assert!(help(&["--version"]).starts_with("ami "));
}
