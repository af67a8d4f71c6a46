// Ten thousand readers of one database secret, and what each of them must never see.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { CANARY } from '../test/environment.mjs';

const READERS = 10_000;
/** All readers read at this pace, a single one twenty times as often. */
const PACE_MS = 250;

/** Version `n` of the secret: every field names its version, and the password is a canary. */
export function credentials(n) {
  return {
    host: `v${n}.database.internal`,
    port: 5000 + n,
    database: 'permisos',
    username: `app-${n}`,
    password: `${CANARY}${n}`,
  };
}

/** Its version id, chosen so that it survives a restart of moto. */
export function versionId(n) {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
}

/**
 * Starts the readers, until `stop()` or `abandon()`. From the first good value on, no read may fail, mix two versions,
 * or return an older version than an earlier read. `seen` lists what was read, in order and without repetition: `v1`, or
 * `v1 environment`.
 */
export function watch(secrets) {
  const seen = [];
  const wrong = new Set();
  const ids = new Map();
  let reads = 0;
  let last;
  let newest = 0;
  let isOver = false;

  const read = () => {
    reads++;
    let answer;
    try {
      answer = secrets.read('database');
    } catch (error) {
      if (newest > 0) wrong.add(`a read failed: ${error.code ?? error}`);
      return;
    }
    if (answer === last) return;
    last = answer;
    const n = Number(/\d+/.exec(answer.config.host)[0]);
    const { host, port, username, password } = answer.config;
    const isWhole = Object.entries({ host, port, username, password }).every(([k, v]) => credentials(n)[k] === v);
    if (!ids.has(n)) ids.set(n, answer.versionId);
    if (!isWhole || ids.get(n) !== answer.versionId) wrong.add(`a read was torn at v${n}`);
    if (n < newest) wrong.add(`v${n} was read after v${newest}`);
    newest = Math.max(newest, n);
    const state = answer.origin === 'environment' ? `v${n} environment` : `v${n}`;
    if (seen.at(-1) !== state) seen.push(state);
  };

  const reader = async () => {
    while (!isOver) {
      await tick;
      read();
    }
  };
  let tick = sleep(PACE_MS);
  const pace = async () => {
    while (!isOver) {
      await tick;
      tick = sleep(PACE_MS);
    }
  };
  const closely = async () => {
    while (!isOver) {
      await sleep(PACE_MS / 20);
      read();
    }
  };
  const all = [pace(), closely(), ...Array.from({ length: READERS }, reader)];

  return {
    seen,
    abandon() {
      isOver = true;
    },
    /** Ends the readers and fails if any saw what it must not. */
    async stop() {
      isOver = true;
      await Promise.all(all);
      assert.deepEqual([...wrong], []);
      assert.ok(reads >= READERS, `only ${reads} reads`);
    },
  };
}
