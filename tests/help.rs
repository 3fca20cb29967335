//! Every `--help` page as users read it. `INSTA_UPDATE=always cargo test --test help` writes the snapshot
//! anew.

use std::fmt::Write as _;
use std::process::Command;

use clap::CommandFactory as _;
use clawbake::cli::Cli;

/// The words of every verb, nested ones after their parents.
fn verbs(command: &clap::Command, words: &[String], found: &mut Vec<Vec<String>>) {
    found.push(words.to_vec());
    for verb in command.get_subcommands() {
        let words = [words, &[verb.get_name().to_owned()]].concat();
        verbs(verb, &words, found);
    }
}

#[test]
fn pages() {
    let mut found = Vec::new();
    verbs(&Cli::command(), &[], &mut found);
    let mut pages = String::new();
    for words in found {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clawbake"));
        // No value of the environment is on a page.
        let output = command.args(&words).arg("--help").env_clear().output();
        let output = output.unwrap();
        assert!(output.status.success() && output.stderr.is_empty());
        let page = String::from_utf8(output.stdout).unwrap();
        writeln!(pages, "# clawbake {}\n{page}", words.join(" ")).unwrap();
    }
    insta::assert_snapshot!(pages);
}

#[test]
fn a_help_text_is_one_short_line() {
    fn check(command: &clap::Command) {
        let about = command.get_about().map(ToString::to_string);
        let arguments = command.get_arguments().filter_map(clap::Arg::get_help);
        for text in about.into_iter().chain(arguments.map(ToString::to_string)) {
            let long = text.len() > 80 || text.contains(['\n', ';']) || text.ends_with('.');
            assert!(!long, "{}: {text}", command.get_name());
        }
        command.get_subcommands().for_each(check);
    }
    check(&Cli::command());
}
