// Bundles each entry. Exports are plain values: esbuild makes a getter of each, at every start of an application.

import { build } from 'esbuild';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';

const { exports, peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
const modules = Object.keys(exports).filter((path) => /^\.\/[\w-]+$/.test(path)).map((path) => path.slice(2));
const adapters = Object.keys(peerDependencies);
const bundle = (names, more) =>
  build({
    entryPoints: names.map((name) => `src/${name}.ts`),
    bundle: true,
    external: ['./index.js', ...adapters],
    platform: 'node',
    target: 'node18',
    outdir: 'dist',
    ...more,
  });

const { outputFiles } = await bundle(['index', 'cli', ...modules], { format: 'cjs', write: false });
for (const { path, text } of outputFiles) {
  const plain = text
    .replace(/^var \w+ = \{\};\n__export\(\w+, \{[^}]*\}\);\nmodule\.exports = __toCommonJS\(\w+\);\n/m, '')
    .replace(/^0 && \(module\.exports = /m, '(module.exports = ');
  if (/__toCommonJS\(|^0 &&/m.test(plain)) throw new Error(`${path}: esbuild writes its exports in another way`);
  writeFileSync(path, plain);
}
// An adapter is to use the copy of its library that the application has: some are another one for `import`.
await bundle(adapters, { format: 'esm', outExtension: { '.js': '.mjs' } });
for (const name of adapters) copyFileSync(`dist/${name}.d.ts`, `dist/${name}.d.mts`);
