//! The guide is true: every command in it is run, in order, against one emulated AWS, and prints what the guide shows.
//! `BLESS=1` writes what is printed into the guide; the difference is read before it is committed.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use permisos_secrets_testkit::emulator::Emulator;
use permisos_secrets_testkit::leak::assert_no_leak;
use regex_lite::Regex;
use support::{Bench, root};

#[test]
fn every_command_of_the_guide_prints_what_the_guide_shows() {
    let bench = Bench::new(Emulator::moto());
    let mut files: Vec<_> =
        std::fs::read_dir(root().join("docs/guide")).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    let (mut versions, mut commands) = (vec![], 0);
    for file in files.iter().filter(|file| file.extension().is_some_and(|it| it == "md")) {
        let text = std::fs::read_to_string(file).unwrap();
        let mut printed = String::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            printed.push_str(line);
            printed.push('\n');
            if line != "```console" {
                continue;
            }
            // What the guide shows is replaced by what is printed now.
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            for command in block.iter().filter_map(|line| line.strip_prefix("$ ")) {
                let output = bench.shell(&format!("{{ {command}\n}} 2>&1")).output().unwrap();
                let shown = String::from_utf8(output.stdout).unwrap();
                assert_no_leak(&shown, command);
                printed.extend(["$ ", command, "\n", &normal(&shown, &mut versions)]);
                commands += 1;
            }
            printed.push_str("```\n");
        }
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(file, &printed).unwrap();
        } else {
            for (shown, printed) in text.lines().zip(printed.lines()) {
                assert_eq!(shown, printed, "{} (BLESS=1 writes it anew)", file.display());
            }
            assert_eq!(text.lines().count(), printed.lines().count(), "{}", file.display());
        }
    }
    assert!(commands > 10, "the guide has commands");
}

/// Version ids by their order, dates as one date: what differs from run to run.
fn normal(text: &str, versions: &mut Vec<String>) -> String {
    let id = Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap();
    for found in id.find_iter(text) {
        if !versions.iter().any(|known| known == found.as_str()) {
            versions.push(found.as_str().to_owned());
        }
    }
    let mut text = text.to_owned();
    for (index, version) in versions.iter().enumerate() {
        let short = format!("{:02}e5f0a7", index + 1);
        text = text.replace(version, &format!("{short}-1c52-4d3b-9a41-6f0b8e7d2c35")).replace(&version[..8], &short);
    }
    let date = Regex::new(r"20\d\d-\d\d-\d\d \d\d:\d\d").unwrap();
    let text = date.replace_all(&text, "2026-11-24 09:30");
    Regex::new(r"\b\d min\b").unwrap().replace_all(&text, "0 min").into_owned()
}
