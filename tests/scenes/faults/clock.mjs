// The scene of clock.test.mjs, for a process whose wall clock a file sets. Arguments: the emulator's URL, the file.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { open, until } from '../../support/scene.mjs';

const DAY_MS = 86_400_000;
const [url, clock] = process.argv.slice(2);
const closing = [];
const scene = await open({ after: (close) => closing.push(close) }, 'clock', url, { ttl: 3600 });
const started = Date.now();

/** The jump is noticed within a minute, or where somebody asks for health. */
async function jump(days) {
  await writeFile(clock, `${days > 0 ? '+' : ''}${days}d`);
  assert.ok(Math.abs(Date.now() - started - days * DAY_MS) < DAY_MS, 'the clock did not jump');
  scene.health();
}

// Ahead by more than a lifetime is as if the machine had slept: everything is due, once. Back is not.
await jump(400);
await scene.more('refreshed');
assert.ok(scene.health().ageMs < DAY_MS);
await jump(-400);
await sleep(1000);
scene.health();
await scene.healthy();
await scene.end(['v1']);
assert.deepEqual(scene.events.map(({ type }) => type), ['loaded', 'refreshed']);
for (const close of closing) close();
console.log('three clocks, one fetch more');
