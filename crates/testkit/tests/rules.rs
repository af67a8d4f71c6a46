//! `docs/rules.md`: every rule there names a proof, and every proof is there.

use std::path::Path;

use serde_json::Value;

#[test]
fn every_rule_has_a_proof_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).ok();
    let text = read("docs/rules.md").unwrap().replace("\\|", "\u{1f}");
    let rows = text.lines().filter(|line| line.starts_with("| ") && *line != "| rule | proof |");
    let mut count = 0;
    for row in rows {
        let (rule, proofs) = row.trim_matches(['|', ' ']).split_once(" | ").unwrap();
        let proofs: Vec<&str> = proofs.split('`').skip(1).step_by(2).collect();
        assert!(!proofs.is_empty(), "no proof: {rule}");
        for proof in proofs {
            let (place, name) = proof.split_once(": ").unwrap_or_else(|| panic!("{proof}"));
            let name = name.replace('\u{1f}', "|");
            let is_there = if place.contains('/') {
                let said = read(place).unwrap_or_default();
                [format!("fn {name}("), format!("'{name}'"), format!("  {name}\n")].iter().any(|it| said.contains(it))
            } else {
                let vectors = ["logins", "payloads", "scripts"]
                    .iter()
                    .find_map(|it| read(&format!("tests/vectors/{it}/{place}.json")));
                let vectors: Vec<Value> = serde_json::from_str(&vectors.unwrap_or_else(|| panic!("{proof}"))).unwrap();
                vectors.iter().any(|vector| vector["rule"] == *name)
            };
            assert!(is_there, "{rule}: there is no {proof}");
        }
        count += 1;
    }
    assert!(count > 70, "only {count} rules");
}

/// `docs/reliability.md` has no column that says `pass`: a scene that is red ends the tests. That each scene is there is
/// checked here.
#[test]
fn every_promise_names_a_scene_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = std::fs::read_to_string(root.join("docs/reliability.md")).unwrap();
    let mut count = 0;
    for row in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise |")) {
        let mut cells = row.trim_matches(['|', ' ']).split(" | ");
        let (promise, scenes) = (cells.next().unwrap(), cells.next().unwrap_or_else(|| panic!("no scene: {row}")));
        // Pairs of a name in backticks and what follows it.
        let parts: Vec<&str> = scenes.split('`').skip(1).collect();
        for pair in parts.chunks(2) {
            let (name, after) = (pair[0], pair.get(1).copied().unwrap_or_default());
            let is_file = Path::new(name).extension().is_some();
            let place = match name.contains('/') {
                _ if name.starts_with("cargo ") || name == "script" => continue,
                true if !is_file && !name.starts_with("tests/") => format!("tests/scenes/{name}.test.mjs"),
                true => name.to_owned(),
                false => ["aws", "client", "core", "wasmtime"]
                    .map(|it| format!("crates/{it}/tests/{name}"))
                    .into_iter()
                    .find(|it| root.join(it).exists())
                    .unwrap_or_else(|| panic!("{promise}: there is no {name}")),
            };
            assert!(root.join(&place).exists(), "{promise}: there is no {place}");
            // After a colon: words of the scene's name.
            let words = after.strip_prefix(": ").unwrap_or_default().split([';', '(']).next().unwrap_or_default();
            for word in words.split(',').map(str::trim).filter(|word| !word.is_empty()) {
                let said = std::fs::read_to_string(root.join(&place)).unwrap().to_lowercase().replace('_', " ");
                assert!(said.contains(&word.to_lowercase()), "{promise}: {place} has no `{word}`");
            }
        }
        count += 1;
    }
    assert!(count > 40, "only {count} promises");
}
