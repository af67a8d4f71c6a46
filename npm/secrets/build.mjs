// Bundles each entry. Exports are plain values: esbuild makes a getter of each, at every start of an application.

import { build } from 'esbuild';
import { writeFileSync } from 'node:fs';

const entries = ['index', 'cli', 'cloudwatch', 'express', 'opentelemetry', 'prometheus', 'register'];
const { outputFiles } = await build({
  entryPoints: entries.map((name) => `src/${name}.ts`),
  bundle: true,
  external: ['./index.js'],
  platform: 'node',
  target: 'node18',
  format: 'cjs',
  outdir: 'dist',
  write: false,
});
for (const { path, text } of outputFiles) {
  const plain = text
    .replace(/^var \w+ = \{\};\n__export\(\w+, \{[^}]*\}\);\nmodule\.exports = __toCommonJS\(\w+\);\n/m, '')
    .replace(/^0 && \(module\.exports = /m, '(module.exports = ');
  if (/__toCommonJS\(|^0 &&/m.test(plain)) throw new Error(`${path}: esbuild writes its exports in another way`);
  writeFileSync(path, plain);
}
