// The example backend, started with everything that it needs, at work while a secret is rotated: no request fails.
// With --open it stays for a look at it, until Enter.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Load, everyProcessShows, startSurroundings, startUnderPm2 } from '../support/backend.mjs';

const FOLDER = new URL('../backend', import.meta.url).pathname;
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

const started = performance.now();
const surroundings = await startSurroundings(FOLDER);
let application;
let load;
try {
  console.log(`Secrets Manager (moto), PostgreSQL and Redis over TLS, Stripe, mail and portal are up after ${seconds(started)}`);
  const starting = performance.now();
  application = await startUnderPm2(FOLDER, surroundings);
  console.log(`2 processes under PM2 are up ${seconds(starting)} later: ${application.url}`);
  load = new Load(application.url, surroundings);
  await load.start();
  const operator = await load.login('operator');
  await load.more();
  show('Work so far');

  const rotating = performance.now();
  await surroundings.rotations.database(async (versionId) => {
    await everyProcessShows(load, operator, new RegExp(versionId.slice(0, 8)));
    console.log(`\nThe database's password is another one in PostgreSQL and in Secrets Manager; both processes use it ${seconds(rotating)} later`);
  });
  await load.more();
  show('Work until now');
  assert.deepEqual(load.failures, []);
  console.log('\nNo request has failed.');

  if (process.argv.includes('--open')) {
    const { email, password } = surroundings.people.operator;
    const file = await surroundings.file('operator.txt', `${password}\n`);
    console.log(`\n${application.url}/status is the status page: log in as ${email}, with the password in ${file}`);
    console.log('Enter ends it.');
    process.stdin.resume();
    await Promise.race([once(process.stdin, 'data'), once(process.stdin, 'end')]);
    process.stdin.destroy();
  }
} finally {
  await load?.stop();
  await application?.stop();
  await surroundings.stop();
}

function show(title) {
  const times = [...load.took].sort((one, other) => one - other);
  const quantile = (share) => `${Math.round(times[Math.floor(share * (times.length - 1))])} ms`;
  console.log(`${title}: ${load.total} done, ${load.failures.length} failed; half within ${quantile(0.5)}, 95 of 100 within ${quantile(0.95)}`);
  for (const [kind, count] of Object.entries(load.done)) console.log(`  ${kind.padEnd(18)} ${String(count).padStart(5)}`);
}
