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
