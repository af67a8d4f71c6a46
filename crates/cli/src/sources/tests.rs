//! One test for each way of reading.

use serde::Serialize;

use super::*;

/// What a project of these files says, a line each: `file:line:column VARIABLE way usage when`, and `load` where it runs there.
fn said(files: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let sources = Sources::read(&[folder.path().to_owned()], |_| ()).unwrap();
    let mut said = vec![];
    for file in &sources.files {
        let name = file.path.strip_prefix(folder.path()).unwrap().display();
        for Site { line, column, variable, way, usage, when, at_load, through } in &file.sites {
            let load = if *at_load && !when.is_load() { ", at load" } else { "" };
            let through = through.as_ref().map(|it| format!(" by {it}")).unwrap_or_default();
            let (way, usage, when) = (word(way), word(usage), word(when));
            said.push(format!("{name}:{line}:{column} {variable} {way}{through} {usage} {when}{load}"));
        }
        said.extend(file.computed.iter().map(|(line, column)| format!("{name}:{line}:{column} computed")));
        said.extend(file.whole.iter().map(|(line, column)| format!("{name}:{line}:{column} whole")));
        said.extend(file.unread.iter().map(|why| format!("{name} {why}")));
    }
    said.extend((sources.ignored > 0).then(|| format!("{} ignored", sources.ignored)));
    said
}

/// As JSON has it.
fn word(it: impl Serialize) -> String {
    serde_json::to_value(it).unwrap().as_str().unwrap().to_owned()
}

fn of(text: &str) -> Vec<String> {
    said(&[("a.ts", text)])
}

fn assert_said(text: &str, expected: &[&str]) {
    let expected: Vec<String> = expected.iter().map(|it| format!("a.ts:{it}")).collect();
    assert_eq!(of(text), expected, "{text}");
}

#[test]
fn members() {
    assert_said("f(process.env.A_B);", &["1:3 A_B member value load"]);
    assert_said("const é = `x${process.env.A_B}`;", &["1:15 A_B member value load"]);
    assert_said("process?.env?.A_B", &["1:1 A_B member value load"]);
    assert_said("(process.env as any).A_B!.length", &["1:1 A_B member value load"]);
    assert_said(
        "globalThis.process.env.A_B; Bun.env.A_B",
        &["1:1 A_B member value load", "1:29 A_B member value load"],
    );
    assert_said("Deno.env.get('A_B'); Deno.env.get(x)", &["1:1 A_B member value load", "1:22 computed"]);
    assert_said("import.meta.env.A_B", &[]);
}

#[test]
fn computed_names() {
    assert_said(
        "process.env['A_B']; process.env[`A_B`]",
        &["1:1 A_B computed value load", "1:21 A_B computed value load"],
    );
    assert_said("const KEY = 'A_B';\nprocess.env[KEY];", &["2:1 A_B computed value load"]);
    assert_said("const KEYS = { a: 'A_B' };\nprocess.env[KEYS.a];", &["2:1 A_B computed value load"]);
    assert_said("let key = 'A_B'; key = x;\nprocess.env[key];", &["2:1 computed"]);
    assert_said("process.env[`${stage}_URL`]", &["1:1 computed"]);
    assert_said("process.env[on ? 'A_B' : 'C_D']", &["1:18 A_B list value load", "1:26 C_D list value load"]);
}

#[test]
fn destructuring() {
    assert_said(
        "const { A_B, C_D: c = 1, ...rest } = process.env;",
        &["1:9 A_B destructured value load", "1:14 C_D destructured default load", "1:26 whole"],
    );
    assert_said("const { env: { A_B } } = process;", &["1:16 A_B destructured value load"]);
    assert_said(
        "({ A_B: this.a, C_D } = process.env);",
        &["1:4 A_B destructured value load", "1:17 C_D destructured value load"],
    );
    assert_said("function f({ A_B } = process.env) {}", &["1:14 A_B destructured value function"]);
}

#[test]
fn aliases() {
    assert_said("const env = process.env;\nenv.A_B;", &["2:1 A_B alias value load"]);
    assert_said("const { env } = process;\nenv.A_B;", &["2:1 A_B alias value load"]);
    assert_said("const { env: e } = require('process');\ne.A_B;", &["2:1 A_B alias value load"]);
    assert_said("import { env } from 'node:process';\nenv.A_B;", &["2:1 A_B alias value load"]);
    assert_said("import p from 'node:process';\np.env.A_B;", &["2:1 A_B member value load"]);
    assert_said("const env = process.env || {};\nenv.A_B;", &["2:1 A_B alias value load"]);
    assert_said("function f(env = process.env) { env.A_B }", &["1:33 A_B alias value function"]);
    assert_said(
        "f(process.env);\nfunction f(e) { e.A_B; g(e); }\nfunction g({ C_D }) {}",
        &["2:17 A_B alias value function, at load", "3:14 C_D destructured value function, at load"],
    );
    let files = [
        ("a.js", "module.exports = process.env;"),
        ("b.js", "const env = require('./a');\nenv.A_B; env.length;"),
        ("c.mjs", "export const env = process.env;"),
        ("d.mjs", "import { env as e } from './c.mjs';\ne['A_B'];"),
    ];
    assert_eq!(said(&files), ["b.js:2:1 A_B alias value load", "d.mjs:2:3 A_B alias value load"]);
}

#[test]
fn what_is_not_the_environment() {
    assert_said("function f(process) { process.env.A_B }", &[]);
    assert_said("const process = {}; process.env.A_B", &[]);
    assert_said("'process.env.A_B'; // process.env.A_B", &[]);
    assert_said("config.env.A_B; const env = {}; env.A_B;", &[]);
}

#[test]
fn usages() {
    for (text, usage) in [
        ("x(process.env.A_B || 1)", "default"),
        ("x(process.env.A_B ?? 1)", "default"),
        ("x(process.env.A_B || (() => { throw 1 })())", "default"),
        ("parseInt(process.env.A_B, 10)", "value"),
        ("x(!!process.env.A_B)", "presence"),
        ("x(!process.env.A_B)", "presence"),
        ("if (process.env.A_B) x()", "presence"),
        ("process.env.A_B && x()", "presence"),
        ("x(process.env.A_B ? 1 : 2)", "presence"),
        ("Boolean(process.env.A_B)", "presence"),
        ("x(process.env.A_B === 'true')", "comparison"),
        ("process.env.A_B = 1", "write"),
        ("process.env.A_B ||= 1", "write"),
        ("delete process.env.A_B", "write"),
    ] {
        let said = of(text);
        assert!(said.len() == 1 && said[0].ends_with(&format!(" A_B member {usage} load")), "{text}: {said:?}");
    }
    for text in [
        "'A_B' in process.env",
        "process.env.hasOwnProperty('A_B')",
        "Object.hasOwn(process.env, 'A_B')",
        "Object.prototype.hasOwnProperty.call(process.env, 'A_B')",
    ] {
        assert_said(text, &["1:1 A_B computed presence load"]);
    }
}

#[test]
fn the_environment_as_a_whole() {
    for (text, column) in [
        ("Object.keys(process.env)", 13),
        ("x({ ...process.env })", 8),
        ("spawn('x', { env: process.env })", 19),
        ("schema.parse(process.env)", 14),
        ("this.env = process.env", 12),
        ("for (const n in process.env) x(n)", 17),
    ] {
        assert_said(text, &[&format!("1:{column} whole")]);
    }
    assert_said("if (process.env && process.env.A_B) x()", &["1:20 A_B member presence load"]);
}

#[test]
fn when_it_runs() {
    let class = "class A { a = process.env.A_A; static b = process.env.A_B; static { process.env.A_C }\n\
                 constructor() { process.env.A_D } m() { process.env.A_E } n = () => process.env.A_F }";
    let places = [
        "1:15 A_A member value field",
        "1:43 A_B member value static",
        "1:69 A_C member value static",
        "2:17 A_D member value constructor",
        "2:41 A_E member value function",
        "2:69 A_F member value function",
    ];
    assert_said(class, &places);
    let singleton = format!("{class}\nexport default new A();");
    let at_load = places.map(|it| {
        let is_run = it.ends_with("field") || it.ends_with("constructor");
        if is_run { format!("{it}, at load") } else { it.to_owned() }
    });
    assert_said(&singleton, &at_load.each_ref().map(String::as_str));
    assert_said("(() => process.env.A_B)()", &["1:8 A_B member value load"]);
    assert_said("(async () => process.env.A_B)()", &["1:14 A_B member value function"]);
    assert_said(
        "function f() { g() }\nfunction g() { process.env.A_B }\nf();",
        &["2:16 A_B member value function, at load"],
    );
    assert_said("async function f() { process.env.A_B }\nf();", &["1:22 A_B member value function"]);
    let files = [("a.js", "exports.load = () => process.env.A_B;"), ("b.js", "require('./a').load();")];
    assert_eq!(said(&files), ["a.js:1:22 A_B member value function, at load"]);
}

#[test]
fn lists_of_names() {
    let twice = ["1:8 A_B list presence load", "1:15 C_D list presence load"];
    assert_said(
        "const L=['A_B', 'C_D'].filter((name) => !process.env[name])",
        &["1:10 A_B list presence load", "1:17 C_D list presence load"],
    );
    assert_said("L = Object.freeze(['A_B', 'C_D']);", &[]);
    assert_said("var L=['A_B', 'C_D'];\nfor (const n of L) if (!process.env[n]) x(n);", &twice);
    assert_said("var L=['A_B', 'C_D'] as const;\nL.forEach(n => { if (!process.env[n]) x(n) });", &twice);
    assert_said(
        "const R = [{ name: 'A_B' }, { name: 'C_D' }];\nR.map((rule) => process.env[rule.name]);",
        &["1:20 A_B list value load", "1:37 C_D list value load"],
    );
    assert_said(
        "const R = [{ name: 'A_B' }, { name: 'C_D' }];\nfor (const { name } of R) x(process.env[name]);",
        &["1:20 A_B list value load", "1:37 C_D list value load"],
    );
    assert_said(
        "for (const [name, what] of Object.entries({ A_B: 1, C_D: 2 })) x(process.env[name]);",
        &["1:45 A_B list value load", "1:53 C_D list value load"],
    );
}

#[test]
fn helpers() {
    let helper = "function env(name, otherwise) { return process.env[name] ?? otherwise }\n";
    assert_said(&format!("{helper}env('A_B');"), &["2:1 A_B helper by env value load"]);
    assert_said(&format!("{helper}env('A_B', 1);"), &["2:1 A_B helper by env default load"]);
    assert_said(&format!("{helper}if (!env('A_B')) x();"), &["2:6 A_B helper by env presence load"]);
    assert_said(&format!("{helper}env(x);"), &["2:1 computed"]);
    assert_said(
        &format!("{helper}const envInt = (name, d) => parseInt(env(name, d));\nenvInt('A_B', 1);"),
        &["3:1 A_B helper by envInt default load"],
    );
    assert_said(
        "const all = (...names) => names.map((n) => process.env[n]);\nall('A_B', 'C_D');",
        &["2:1 A_B helper by all value load", "2:1 C_D helper by all value load"],
    );
    assert_said(
        "function need(names) { for (const n of names) if (!process.env[n]) throw n }\nneed(['A_B', 'C_D']);",
        &["2:7 A_B helper by need value load", "2:14 C_D helper by need value load"],
    );
    assert_said(
        "class C { get(k) { return process.env[k] } static of(k) { return process.env[k] } m() { this.get('A_B') } }\n\
         new C().get('C_D'); C.of('E_F');",
        &[
            "1:89 A_B helper by get value function",
            "2:1 C_D helper by get value load",
            "2:21 E_F helper by of value load",
        ],
    );
    // Which nothing calls here, or who does is not known.
    assert_said("export const env = (name) => process.env[name];", &["1:30 computed"]);
    // One that is here, and does not read the environment.
    assert_said("const env = (name) => name;\nenv('A_B');", &[]);
}

#[test]
fn helpers_of_other_files() {
    let helpers = [
        ("lib/env.js", "const env = (name) => process.env[name];\nmodule.exports = { env };"),
        ("lib/again/index.ts", "export { env as read } from '../env.js';\nexport * from './more';"),
        (
            "lib/again/more.ts",
            "export default function more(name: string) { return process.env[name] }\nexport const key = more;",
        ),
        ("lib/config.js", "class Config { get(name) { return process.env[name] } }\nmodule.exports = new Config();"),
        ("lib/exports.js", "exports.one = (n) => process.env[n];\nmodule.exports.two = exports.one;"),
    ];
    for (text, expected) in [
        ("const { env } = require('./lib/env');\nenv('A_B')", "2:1 A_B helper by env"),
        ("const e = require('./lib/env');\ne.env('A_B')", "2:1 A_B helper by env"),
        ("require('./lib/env.js').env('A_B')", "1:1 A_B helper by env"),
        ("import { read } from './lib/again';\nread('A_B')", "2:1 A_B helper by read"),
        ("import { key } from './lib/again';\nkey('A_B')", "2:1 A_B helper by key"),
        ("import more from './lib/again/more.js';\nmore('A_B')", "2:1 A_B helper by more"),
        ("import * as all from './lib/again/more';\nall.default('A_B')", "2:1 A_B helper by default"),
        ("import config from './lib/config';\nconfig.get('A_B')", "2:1 A_B helper by get"),
        ("const { get } = require('./lib/config');\nget('A_B')", "2:1 A_B helper by get"),
        (
            "const config = require('./lib/config');\nclass A { constructor() { this.config = config } }\nconfig.get('A_B')",
            "3:1 A_B helper by get",
        ),
        ("import { one } from './lib/exports';\none('A_B')", "2:1 A_B helper by one"),
    ] {
        let said = said(&[&helpers[..], &[("a.ts", text)]].concat());
        assert!(said.contains(&format!("a.ts:{expected} value load")), "{text}: {said:?}");
    }
}

#[test]
fn functions_of_packages_by_their_names() {
    for (text, expected) in [
        ("import { env } from '@strapi/utils';\nenv('A_B')", "2:1 A_B named by env"),
        ("export default ({ env }) => ({ a: env('A_B', 1) })", "1:35 A_B named by env"),
        ("export default ({ env }) => ({ a: env.int('A_B', 1) })", "1:35 A_B named by int"),
        (
            "class A { constructor(c) { this.configService = c } m() { this.configService.get<string>('A_B') } }",
            "1:59 A_B named by get",
        ),
    ] {
        assert!(of(text).iter().any(|it| it.starts_with(&format!("a.ts:{expected} "))), "{text}: {:?}", of(text));
    }
    assert_said("config.set('A_B', 1);", &["1:1 A_B named by set write load"]);
    assert_said("envName.endsWith('A_B');", &[]);
    assert_said("t('A_B'); log.error('A_B'); headers.get('A_B'); configure('a-b');", &[]);
}

#[test]
fn a_comment_leaves_a_line_out() {
    let text = "process.env.A_B; // permisos-secrets-ignore: the build sets it\n\
                // permisos-secrets-ignore\nprocess.env.C_D;\n\nprocess.env.E_F; Object.keys(process.env) // permisos-secrets-ignore";
    assert_eq!(of(text), ["4 ignored"]);
    // What follows a line with such a comment at its end is not meant.
    assert_eq!(of("x; // permisos-secrets-ignore\nprocess.env.A_B;"), ["a.ts:2:1 A_B member value load"]);
}

#[test]
fn files_of_every_kind() {
    let read = "#!/usr/bin/env node\nprocess.env.A_B;";
    let files = [
        ("a.cjs", "with (x) { process.env.A_B }"),
        ("b.js", read),
        ("c.js", "return; with (x) { process.env.A_B }"),
        ("d.jsx", "x = <a>{process.env.A_B}</a>;"),
        ("e.mjs", "await process.env.A_B;"),
        ("f.tsx", "x = <a<string>>{process.env.A_B!}</a>;"),
        ("g.cts", "import a = require('./a'); export = process.env.A_B;"),
        ("h.mts", "enum E { A } process.env.A_B satisfies string;"),
        ("i.d.ts", "declare namespace NodeJS { interface ProcessEnv { A_B: string } }"),
        ("j.js", "ok();\n(((;"),
        ("k.txt", "process.env.A_B"),
        ("node_modules/x/l.js", "process.env.A_B"),
        ("m.js", "\u{feff}process.env.A_B"),
        (".gitignore", "dist/\n"),
        ("dist/n.js", "process.env.A_B"),
    ];
    let expected = [
        "a.cjs:1:12 A_B member value load",
        "b.js:2:1 A_B member value load",
        "c.js:1:20 A_B member value load",
        "d.jsx:1:9 A_B member value load",
        "e.mjs:1:7 A_B member value load",
        "f.tsx:1:17 A_B member value load",
        "g.cts:1:37 A_B member value load",
        "h.mts:1:14 A_B member value load",
        "j.js cannot be parsed (line 2)",
        "m.js:1:2 A_B member value load",
    ];
    assert_eq!(said(&files), expected);
}

#[test]
fn what_goes_round_in_circles_ends() {
    let files = [
        (
            "a.js",
            "const b = require('./b');\nexports.f = b.f; exports.g = (n) => b.g(n);\nlet x = x.y, z = z; class C { a = this.a; b = new C().b }\nf(f(f));",
        ),
        ("b.js", "const a = require('./a');\nexports.f = a.f; exports.g = (n) => a.g(n); a.f('A_B'); a.g('A_B');"),
        ("c.mjs", "export * from './d.mjs';"),
        ("d.mjs", "export * from './c.mjs'; import { q } from './c.mjs'; q('A_B');"),
    ];
    assert_eq!(said(&files), [""; 0]);
    let deep = format!("x = {}process.env.A_B{};", "(1, ".repeat(200), ")".repeat(200));
    assert_eq!(of(&deep).len(), 1);
}
