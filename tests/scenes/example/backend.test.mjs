// The example backend, as its users run it: installed, under PM2, with everything around it. It works all the time while each
// of its secrets is rotated, while AWS is away, and while it is restarted. No request may fail.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Load, everyProcessShows, startSurroundings, startUnderPm2 } from '../../support/backend.mjs';

const FOLDER = new URL('../../backend', import.meta.url).pathname;
let surroundings;
let application;
let load;
let operator;

before(async () => {
  surroundings = await startSurroundings(FOLDER);
  application = await startUnderPm2(FOLDER, surroundings);
  load = new Load(application.url, surroundings);
  await load.start();
  operator = await load.login('operator');
});

after(async () => {
  await load?.stop();
  await application?.stop();
  await surroundings?.stop();
});

/** Nothing has failed since the test before. */
async function assertNoFailure() {
  const failures = load.failures.splice(0);
  const kinds = [...new Set(failures)].map((failure) => `${failures.filter((it) => it === failure).length} times ${failure}`);
  if (failures.length > 0) assert.fail(`${kinds.join('\n')}\nThe last of the application's logs:\n${(await application.logs()).slice(-3000)}`);
}

async function show(pattern) {
  await everyProcessShows(load, operator, pattern);
}

const follows = (versionId) => show(new RegExp(versionId.slice(0, 8)));

test('every kind of work is done', async () => {
  await load.more();
  await assertNoFailure();
  assert.ok(surroundings.mails > 0);
});

for (const service of ['database', 'redis', 'security', 'stripe', 'email', 'government-portal', 'monitoring']) {
  test(`${service} is rotated, and every process follows without a failed request`, async () => {
    await surroundings.rotations[service](follows);
    await load.more(2);
    await assertNoFailure();
  });
}

test('a restart while AWS does not answer loses no request: the sealed snapshot stands in', async () => {
  // The snapshot holds no previous keys: a cookie is to be of the current one.
  operator = await load.login('operator');
  surroundings.moto.pause();
  await show(/class="status degraded"/);
  await load.more(2);
  await application.pm2('reload', 'permits');
  await show(/sealed snapshot/);
  await load.more(2);
  surroundings.moto.resume();
  await show(/class="status healthy"/);
  await load.more(2);
  await assertNoFailure();
});

test('a restart loses no request, and the sessions go on', async () => {
  await application.pm2('reload', 'permits');
  await load.more(2);
  await assertNoFailure();
});

test('neither the logs, the page nor PM2 holds a value', async () => {
  await application.pm2('save');
  const texts = [await application.logs(), await application.pm2('jlist')];
  for (const secret of Object.values(surroundings.current)) {
    for (const value of Object.values(secret)) {
      if (/canary|^[sp]k_test|^whsec/.test(value)) assert.ok(texts.every((text) => !text.includes(value)));
    }
  }
});
