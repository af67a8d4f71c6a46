// `npx @permisos/secrets`: the operator's tool out of the installed package, with nothing else to install.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { ENVIRONMENT, assertNoLeak } from './environment.mjs';

async function npx(args, env = ENVIRONMENT, during = () => {}) {
  const child = spawn('npx', ['@permisos/secrets', ...args], {
    cwd: new URL('..', import.meta.url),
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { out: '', err: '' };
  child.stdout.on('data', (data) => during(child, (printed.out += data)));
  child.stderr.on('data', (data) => (printed.err += data));
  const [code] = await once(child, 'close');
  assertNoLeak(printed.out, 'the output');
  assertNoLeak(printed.err, 'the notes');
  return { code, ...printed };
}

test('npx @permisos/secrets checks the environment', async () => {
  const { code, out } = await npx(['check', '--source', 'environment']);
  assert.match(out, /everything required can be read/);
  assert.equal(code, 0);
});

test('a mistake is reported with its exit code, and as JSON on request', async () => {
  const { code, err, out } = await npx(['check', '--source', 'environment', '--json'], { ...ENVIRONMENT, REDIS_URL: 'oops' });
  assert.equal(code, 65, err);
  const redis = JSON.parse(out).services.find(({ service }) => service === 'redis');
  assert.deepEqual([redis.state, redis.error.code], ['failed', 'SECRETS_INVALID']);
  assert.equal((await npx(['chekc'])).code, 64);
});

test('exec replaces Node by the program: exit code and standard output are its own', async () => {
  const args = ['exec', '--source', 'environment', '--', 'sh', '-c', 'echo "$DB_HOST"; exit 42'];
  const { code, out } = await npx(args);
  assert.deepEqual([code, out], [42, 'database.internal\n']);
});
