// A Rust program whose engine is the component, against a real HTTP server that speaks Secrets Manager's protocol.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { SEVEN, createSeven, isolateAws, startMoto } from '../../servers/servers.mjs';

const { PERMISOS_COMPONENT, PERMISOS_SEVEN } = process.env;
let moto;

before(async () => {
  isolateAws();
  moto = await startMoto();
  await createSeven(moto, 'production');
});

after(() => moto.stop());

test('seven configs load through the component, and are shown without a value', async () => {
  assert.ok(PERMISOS_COMPONENT && PERMISOS_SEVEN, 'PERMISOS_COMPONENT and PERMISOS_SEVEN: run cargo xtask test');
  const env = { ...process.env, AWS_ENDPOINT_URL: moto.url, PERMISOS_ENVIRONMENT: 'production' };
  const { stdout } = await promisify(execFile)(PERMISOS_SEVEN, [PERMISOS_COMPONENT], { env });
  const shown = stdout.trim().split('\n').map((line) => line.split(' ')[0]);
  const configs = ['Database', 'Redis', 'Security', 'Stripe', 'Email', 'GovernmentPortal', 'Monitoring'];
  assert.deepEqual(shown, [...configs.map((name) => `${name}Config`), 'Healthy']);
  for (const value of Object.values(SEVEN).flatMap(Object.values)) {
    if (String(value).startsWith('canary')) assert.ok(!stdout.includes(value), 'a value is shown');
  }
});
