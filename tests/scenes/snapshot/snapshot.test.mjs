// A start in an outage, through the installed package: what one process sealed, the next one serves.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { makeIdentity } from '../../support/identity.mjs';
import { SEVEN, createSeven, isolateAws, startMoto } from '../../servers/servers.mjs';

// Every value of the seven secrets that is one of a kind.
const CANARIES = /canary|CANARY/i;

const PROGRAM = `
  import { Secrets, getHealth } from '@permisos/secrets';
  const events = [];
  const [endpointUrl, path, identityFile] = process.argv.slice(1);
  const secrets = await Secrets.open({
    environment: 'production', source: 'aws', endpointUrl, env: {}, snapshot: { path, identityFile },
  }).catch((error) => ({ error }));
  if (secrets.error) {
    console.log(JSON.stringify({ code: secrets.error.code }));
  } else {
    secrets.on('event', (event) => events.push(event.type));
    await secrets.refresh('redis').catch(() => {});
    // What was fetched is written in the background.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const health = secrets.health();
    console.log(JSON.stringify({
      status: health.status,
      origins: [...new Set(health.services.map(({ origin }) => origin))],
      read: secrets.read('database').origin,
      passwords: [secrets.getDatabaseConfig().password, secrets.getRedisConfig().password],
      services: health.services.length,
    }));
  }
`;

async function start(url, path, identityFile) {
  const program = ['--input-type=module', '-e', PROGRAM, url, path, identityFile];
  const run = promisify(execFile)(process.execPath, program, { cwd: new URL('../..', import.meta.url), timeout: 60_000 });
  const { stdout, stderr } = await run;
  assert.equal(stderr, '');
  return JSON.parse(stdout);
}

test('seven configs are served from the sealed snapshot while AWS is down', async (t) => {
  isolateAws();
  const folder = await mkdtemp(join(tmpdir(), 'permisos-secrets-'));
  t.after(() => rm(folder, { recursive: true }));
  const [path, identity] = [join(folder, 'snapshot'), join(folder, 'identity')];
  await writeFile(identity, makeIdentity(), { mode: 0o600 });

  const moto = await startMoto();
  await createSeven(moto, 'production');
  const passwords = [SEVEN['database/credentials'].password, SEVEN['redis/credentials'].password];
  const first = await start(moto.url, path, identity);
  assert.deepEqual(first, {
    status: 'healthy', origins: ['secrets-manager'], read: 'secrets-manager', passwords, services: 7,
  });
  await moto.stop();

  assert.deepEqual((await readdir(folder)).sort(), ['identity', 'snapshot']);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const sealed = await readFile(path, 'latin1');
  assert.match(sealed, /^age-encryption\.org\/v1\n/);
  assert.doesNotMatch(sealed, CANARIES);
  assert.doesNotMatch(sealed, /permisos|password|database/);

  const second = await start(moto.url, path, identity);
  assert.deepEqual(second, { status: 'degraded', origins: ['snapshot'], read: 'snapshot', passwords, services: 7 });

  await chmod(path, 0o644);
  assert.deepEqual(await start(moto.url, path, identity), { code: 'SECRETS_UNAVAILABLE' });
  await chmod(path, 0o600);
  await writeFile(path, sealed.slice(0, -1), 'latin1');
  assert.deepEqual(await start(moto.url, path, identity), { code: 'SECRETS_UNAVAILABLE' });
});
