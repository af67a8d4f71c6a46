// What programs read of a stored secret, however it is handed over to them: each prints one line, or fails.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const TOOL = new URL('../node_modules/.bin/permisos-secrets', import.meta.url).pathname;

/**
 * A matrix of one service: what was stored × how it was handed over × who read it. `script` is run where it is handed over;
 * it prints what each reader read, as JSON.
 */
export async function startMatrix(service, moto, script) {
  const [folder, elsewhere] = await Promise.all(
    ['readers', 'exported'].map((name) => mkdtemp(join(tmpdir(), `permisos-secrets-${name}-`))),
  );
  await writeFile(join(folder, 'permisos.json'), JSON.stringify({ source: 'aws', services: [service] }));
  const aws = Object.entries(process.env).filter(([name]) => name.startsWith('AWS_'));
  const bare = { PATH: process.env.PATH, TMPDIR: folder };
  const asAws = { ...bare, ...Object.fromEntries(aws), AWS_ENDPOINT_URL: moto.url };
  const run = async (program, args, env) => {
    const { stdout, stderr } = await promisify(execFile)(program, args, { env, cwd: folder });
    assert.doesNotMatch(stderr, /canary/);
    return stdout;
  };
  /** Each way of handing over: what the script prints then. */
  const WAYS = {
    exec: (environment) => run(TOOL, ['exec', '-e', environment, '--', process.execPath, script], asAws),
    async export(environment) {
      const file = join(elsewhere, environment);
      await run(TOOL, ['export', '-e', environment, '--out', file], asAws);
      return run(process.execPath, [`--env-file=${file}`, script], bare);
    },
    application: (environment) => run(process.execPath, [script, environment], asAws),
  };
  const table = [['stored', 'handed over', 'read by', 'read', 'why']];
  let count = 0;
  return {
    /** Prints the table, and removes what was made. */
    async end() {
      const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
      for (const row of table) console.log(row.map((cell, column) => cell.padEnd(widths[column])).join(' | ').trimEnd());
      await Promise.all([folder, elsewhere].map((made) => rm(made, { recursive: true })));
    },
    /** A row for what is not tried. */
    note: (what, why) => table.push([what, '-', '-', 'not tried', why]),
    /** Variables that `migrate` refuses, with this message. */
    async refuse(what, variables, why) {
      const migrate = run(TOOL, ['migrate', '--from', 'environment', '--to', 'refused', '--yes'], { ...asAws, ...variables });
      const { stderr } = await migrate.then(() => assert.fail(`${what} is stored`), (error) => error);
      assert.match(stderr, why);
      assert.doesNotMatch(stderr, /canary/);
      table.push([what, 'migrate', '-', 'refused', why.exec(stderr)[0]]);
    },
    /**
     * Stores a secret, or migrates variables to one, and lets everything read it. `expected` is what everything reads;
     * `except` has by `way` or `way: reader` what is read instead, and why.
     */
    async cell(what, { secret, variables }, expected, except = {}) {
      const environment = `cell-${count++}`;
      if (secret) await moto.create(`permisos/${environment}/${service}/credentials`, secret);
      else await run(TOOL, ['migrate', '--from', 'environment', '--to', environment, '--yes'], { ...asAws, ...variables });
      const wrong = [];
      const handed = await Promise.all(Object.values(WAYS).map((hand) => hand(environment)));
      for (const [index, way] of Object.keys(WAYS).entries()) {
        const readings = JSON.parse(handed[index]);
        for (const [reader, read] of Object.entries(readings)) {
          const [wanted, why = ''] = except[`${way}: ${reader}`] ?? except[way] ?? [expected];
          assert.doesNotMatch(read, /canary/);
          table.push([what, way, reader, read, why]);
          if (!wanted.test(read)) wrong.push(`${way}: ${reader} | ${read} | expected ${wanted}`);
        }
      }
      assert.deepEqual(wrong, []);
      assert.deepEqual(await readdir(folder), ['permisos.json'], 'a file of an authority is left');
    },
  };
}

/** For the scripts: the outcome of each reader as JSON, all at once. */
export async function printReadings(readers) {
  const readings = Object.entries(readers).map(async ([reader, read]) => [
    reader,
    // The first of several reasons: a pool's, a library's.
    await Promise.resolve().then(read).catch((error) => `fails: ${reason(error)}`),
  ]);
  console.log(JSON.stringify(Object.fromEntries(await Promise.all(readings))));
}

/** A code, where there is one; else the last sentence. */
function reason(error) {
  const texts = [error.stderr, error.cause?.code, error.code, error.message].filter((it) => typeof it === 'string');
  const text = texts.join('\n').trim();
  const code = /\b(UNABLE_TO|ERR|CERT|SELF_SIGNED|DEPTH)_\w+/.exec(text)?.[0];
  return code ?? text.split('\n').at(-1).split(': ').slice(-2).join(': ');
}

/** Runs a program, and answers its last line. */
export async function printed(program, ...args) {
  const { stdout } = await promisify(execFile)(program, args);
  return stdout.trim().split('\n').at(-1);
}
