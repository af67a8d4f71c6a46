// A backend that knows `process.env` alone, with values from Secrets Manager: by two lines of its PM2 file, those that
// docs/guide/process-env.md shows. None of its code is changed.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startSurroundings, startUnderPm2 } from '../../support/backend.mjs';

const ROOT = new URL('../..', import.meta.url).pathname;
const FOLDER = join(ROOT, 'before');
let surroundings;

before(async () => {
  surroundings = await startSurroundings(join(ROOT, 'backend'));
  await rm(FOLDER, { recursive: true, force: true });
  await cp(join(ROOT, 'backend/before'), FOLDER, { recursive: true });
  await symlink(join(ROOT, 'backend/node_modules'), join(FOLDER, 'node_modules'));
});

after(async () => {
  await surroundings?.stop();
  await rm(FOLDER, { recursive: true, force: true });
});

/** The lines that the page adds, and the place after which. */
async function documented() {
  const page = await readFile(join(ROOT, 'docs/guide/process-env.md'), 'utf8');
  const [, diff] = /```diff\n(.*?)```/s.exec(page);
  const lines = diff.split('\n').filter(Boolean);
  return { context: lines.find((line) => line.startsWith(' ')).slice(1), added: lines.filter((line) => line.startsWith('+')).map((line) => line.slice(1)) };
}

/** Everything that needs a secret works. */
async function assertWorks({ url, logs }) {
  const { callers } = surroundings;
  const answer = await fetch(`${url}/works`, { headers: { 'x-internal-api-key': callers.key } });
  const body = await answer.json();
  assert.deepEqual(body, { accounts: 2, payment: 'succeeded', portal: 303, isService: true }, await logs());
  assert.match(answer.headers.get('set-cookie'), /^connect\.sid=/);
  const at = Math.floor(Date.now() / 1000);
  const signature = `t=${at},v1=${createHmac('sha256', callers.stripe[0]).update(`${at}.{}`).digest('hex')}`;
  const webhook = await fetch(`${url}/webhooks/stripe`, { method: 'POST', headers: { 'stripe-signature': signature }, body: '{}' });
  assert.equal(webhook.status, 200);
}

test('without its variables it does not start, and two lines of its PM2 file start it with them', async () => {
  const { options, variables } = surroundings;
  const env = {
    ...variables,
    PERMISOS_ENVIRONMENT: options.environment,
    AWS_REGION: options.region,
    AWS_ENDPOINT_URL: options.endpointUrl,
    // Files that are no secrets stay where they are.
    RDS_CA_CERT_PATH: options.database.caFile,
    REDIS_TLS_CA_PATH: options.redis.caFile,
  };
  const file = join(FOLDER, 'ecosystem.config.js');
  const text = await readFile(file, 'utf8');
  const { context, added } = await documented();
  assert.equal(added.length, 2);
  assert.ok(text.includes(context), 'the page shows a line of the file');
  await writeFile(file, text.replace(context, [context, ...added].join('\n')));
  const application = await startUnderPm2(FOLDER, { variables: env });
  try {
    await assertWorks(application);
    await surroundings.rotations.database(() => application.pm2('reload', 'permits'));
    await assertWorks(application);
  } finally {
    await application.stop();
  }
});
