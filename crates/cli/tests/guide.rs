//! Runs every command of the guide, in order, against one emulated AWS, and compares its output with the guide. `BLESS=1`
//! writes the output into the guide: read the difference before you commit it.

mod support;

use permisos_secrets_testkit::emulator::Emulator;
use permisos_secrets_testkit::leak::assert_no_leak;
use support::{Bench, normal, root};

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
                assert_eq!(shown, printed, "{} (BLESS=1 updates it)", file.display());
            }
            assert_eq!(text.lines().count(), printed.lines().count(), "{}", file.display());
        }
    }
    assert!(commands > 10, "the guide has commands");
}
