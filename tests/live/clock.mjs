// The scene of faults-clock.test.mjs, for a process whose wall clock a file sets. Arguments: the emulator's URL, the file.

import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { open, until } from './scene.mjs';

const DAY_MS = 86_400_000;
const [url, clock] = process.argv.slice(2);
const closing = [];
const scene = await open({ after: (close) => closing.push(close) }, 'clock', url);
const started = Date.now();

for (const days of [400, -400]) {
  await writeFile(clock, `${days > 0 ? '+' : ''}${days}d`);
  assert.ok(Math.abs(Date.now() - started - days * DAY_MS) < DAY_MS, 'the clock did not jump');
  const jumped = scene.events.at(-1).at;
  await until('three more fetches', () => scene.events.length >= 3 && scene.events.at(-3).at > jumped);
}
await scene.healthy();
await scene.end(['v1']);
assert.ok(scene.events.every(({ type }) => type === 'loaded' || type === 'refreshed'));
// Lifetimes are at least nine tenths of a second: a jump must not cause an earlier fetch.
for (const [index, { at }] of scene.events.entries()) assert.ok(index === 0 || at - scene.events[index - 1].at >= 900);
for (const close of closing) close();
console.log('three clocks, one behaviour');
