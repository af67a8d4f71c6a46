// The product as a user runs it, in a process of its own with an environment of its own: the addon in the installed
// package, and the operator's tool.

import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const RUNTIMES = ['addon', 'tool'];

/** What every run takes. `timeout` is what the bounds of the tests are about. */
const OPTIONS = { environment: 'production', source: 'aws', region: 'us-east-1', services: ['database'], timeout: 2 };

/**
 * Loads the database's secret. `home` is the folder for its files, `variables` its whole environment besides. Answers
 * `{ ok, versionId, code, message, text, took }`: `text` is all that was printed.
 */
export async function load(runtime, { home, variables = {}, options = {}, bound = 30_000 }) {
  const all = { ...OPTIONS, environmentFallback: false, ...options };
  const env = { PATH: process.env.PATH, HOME: home, AWS_EC2_METADATA_DISABLED: 'true', ...variables };
  if (runtime === 'addon') {
    const { stdout, ...rest } = await run(
      process.execPath,
      [new URL('./load.mjs', import.meta.url).pathname, JSON.stringify({ env: {}, ...all })],
      env,
      bound,
    );
    const { error, ...outcome } = parse(stdout) ?? { error: { message: '' } };
    return { ok: !error, ...error, ...outcome, ...rest };
  }
  const config = join(home, 'options.json');
  await writeFile(config, JSON.stringify(all));
  const { stdout, stderr, ...rest } = await run(
    process.env.PERMISOS_CLI,
    ['get', 'database', '--config', config, '--json'],
    env,
    bound,
  );
  const { service, versionId } = parse(stdout) ?? {};
  return { ok: service === 'database', versionId, ...parse(stderr)?.error, ...rest };
}

/** Runs a command of the tool; answers `{ exit, stdout, stderr, text, took }`. */
export function tool(args, env, bound = 30_000) {
  return run(process.env.PERMISOS_CLI, args, env, bound);
}

async function run(program, args, env, bound) {
  const started = performance.now();
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: bound, killSignal: 'SIGKILL' });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  // Not its end of output: a process that it started may hold that open.
  const exit = await new Promise((resolve, reject) =>
    child.once('error', reject).once('exit', (code, signal) => resolve(signal ?? code)),
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  child.stdout.destroy();
  child.stderr.destroy();
  return { exit, stdout, stderr, text: `${stdout}${stderr}`, took: performance.now() - started };
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
