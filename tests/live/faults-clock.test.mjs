// The wall clock jumps (libfaketime, in a process of its own): lifetimes are measured on the monotonic clock.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { isolateAws, startMoto } from './moto.mjs';
import { createDatabase } from './scene.mjs';

let moto;
let folder;

before(async () => {
  isolateAws();
  moto = await startMoto();
  folder = await mkdtemp(join(tmpdir(), 'permisos-secrets-'));
});

after(async () => {
  await moto.stop();
  await rm(folder, { recursive: true });
});

test('jumps of the wall clock change nothing', async () => {
  await createDatabase(moto, 'clock');
  const clock = join(folder, 'clock');
  await writeFile(clock, '+0');
  const scene = new URL('clock.mjs', import.meta.url).pathname;
  const env = {
    ...process.env,
    LD_PRELOAD: faketime(),
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    FAKETIME_NO_CACHE: '1',
    FAKETIME_TIMESTAMP_FILE: clock,
  };
  const { stdout } = await promisify(execFile)(process.execPath, [scene, moto.url, clock], { env, timeout: 120_000 });
  assert.match(stdout, /three clocks, one behaviour/);
});

function faketime() {
  const [triplet] = readdirSync('/usr/lib').filter((name) => name.endsWith('-linux-gnu'));
  return `/usr/lib/${triplet}/faketime/libfaketimeMT.so.1`;
}
