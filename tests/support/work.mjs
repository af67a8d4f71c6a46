// Work that goes on all the time while a secret is rotated: none of it may fail.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from './scene.mjs';

/** Starts so many workers; each does its work again and again. `end()` asserts that none failed. */
export function keepBusy(t, work, workers = 8) {
  const failures = [];
  let done = 0;
  let isOver = false;
  const worker = async () => {
    while (!isOver) {
      await work().then(() => done++, (error) => failures.push(error));
      await sleep(2);
    }
  };
  const all = Array.from({ length: workers }, worker);
  const end = async () => {
    isOver = true;
    await Promise.all(all);
    assert.deepEqual(failures, []);
  };
  t.after(() => (isOver = true));
  return {
    /** Waits until every worker may have been through it some more times. */
    more() {
      const wanted = done + failures.length + 5 * workers;
      return until('more work', () => done + failures.length >= wanted);
    },
    end,
  };
}
