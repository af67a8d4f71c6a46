// Programs that read what `exec` hands them: each prints one line, or fails.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const MODULES = new URL('../scenes/node_modules', import.meta.url).pathname;
const TOOL = new URL('../node_modules/.bin/permisos-secrets', import.meta.url).pathname;

/** Where the programs of one service start, and where files are made for them. `remove()` ends it. */
export async function startReaders(service, moto) {
  const folder = await mkdtemp(join(tmpdir(), 'permisos-secrets-readers-'));
  await writeFile(join(folder, 'permisos.json'), JSON.stringify({ source: 'aws', services: [service] }));
  let count = 0;
  return {
    remove: () => rm(folder, { recursive: true }),
    /** Stores the secret, and lets each program read it: what it printed, or the last line of its failure. */
    async read(t, what, secret, programs) {
      const environment = `cell-${count++}`;
      await moto.create(`permisos/${environment}/${service}/credentials`, secret);
      const aws = Object.entries(process.env).filter(([name]) => name.startsWith('AWS_'));
      const env = {
        ...Object.fromEntries(aws), PATH: process.env.PATH, NODE_PATH: MODULES, AWS_ENDPOINT_URL: moto.url, TMPDIR: folder,
      };
      const row = {};
      for (const [program, command] of Object.entries(programs)) {
        const run = promisify(execFile)(TOOL, ['exec', '-e', environment, '--', ...command], { env, cwd: folder });
        row[program] = await run.then(
          ({ stdout }) => stdout.trim(),
          ({ stdout, stderr }) => `fails: ${(stderr.trim() || stdout.trim()).split('\n').at(-1)}`,
        );
        assert.doesNotMatch(row[program], /canary/);
        t.diagnostic(`${what} | ${program} | ${row[program]}`);
      }
      assert.deepEqual(await readdir(folder), ['permisos.json'], 'a file of an authority is left');
      return row;
    },
  };
}
