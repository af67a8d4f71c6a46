// The wall clock jumps (libfaketime, in a process of its own), as it does where a machine wakes up; and a process that is
// stopped goes on.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isolateAws, startMoto } from '../../servers/servers.mjs';
import { createDatabase } from '../../support/scene.mjs';

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

test('a jump of the wall clock costs at most one fetch and loses nothing', async () => {
  await createDatabase(moto, 'clock');
  const clock = join(folder, 'clock');
  await writeFile(clock, '+0');
  const scene = new URL('./clock.mjs', import.meta.url).pathname;
  const env = {
    ...process.env,
    LD_PRELOAD: faketime(),
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    FAKETIME_NO_CACHE: '1',
    FAKETIME_TIMESTAMP_FILE: clock,
  };
  const { stdout } = await promisify(execFile)(process.execPath, [scene, moto.url, clock], { env, timeout: 120_000 });
  assert.match(stdout, /three clocks, one fetch more/);
});

test('a process that was stopped for longer than a value lasts loses nothing', async () => {
  await createDatabase(moto, 'stopped');
  const scene = new URL('./stopped.mjs', import.meta.url).pathname;
  // A stopped process does not notice that this one has ended.
  const command = ['--pdeathsig', 'KILL', process.execPath, scene, moto.url];
  const child = spawn('setpriv', command, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, 'open');
  child.kill('SIGSTOP');
  await sleep(6000);
  child.kill('SIGCONT');
  await sleep(2000);
  child.stdin.end();
  assert.deepEqual(JSON.parse((await lines.next()).value), { failures: [], types: ['loaded', 'refreshed'] });
  const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
  assert.equal(code, 0);
});

function faketime() {
  const [triplet] = readdirSync('/usr/lib').filter((name) => name.endsWith('-linux-gnu'));
  return `/usr/lib/${triplet}/faketime/libfaketimeMT.so.1`;
}
