// Waiting for what comes in its own time.

import { setTimeout as sleep } from 'node:timers/promises';

/** Generous: a scene on a busy machine is slow, never wrong. */
const PATIENCE_MS = 240_000;

/** Waits until it holds. */
export async function until(what, holds) {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what} did not come to pass`);
    await sleep(20);
  }
}
