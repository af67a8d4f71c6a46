// The status page as a document: what it says, what it never says, and that nothing in it is markup but its own.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Secrets, closeSecrets, defineSecret, initializeSecrets } from '@permisos/secrets';
import { statusPage } from '@permisos/secrets/express';
import { ENVIRONMENT, assertNoLeak } from './environment.mjs';
import { HOSTILE, States, hostile } from './states.mjs';

const whatsapp = defineSecret('whatsapp/api', { fields: { token: { variable: 'WHATSAPP_TOKEN' } } });

function render(page) {
  const headers = {};
  let body;
  const response = { setHeader: (name, value) => (headers[name] = value), end: (text) => (body = text) };
  page({ method: 'GET' }, response);
  return { status: response.statusCode, headers, body };
}

/** The text of the cells of a table's rows. */
function rows(body, kind) {
  const table = new RegExp(`<table role="table" class="${kind}">(.*?)</table>`, 's').exec(body)[1];
  return [...table.matchAll(/<tr role="row">(.*?)<\/tr>/gs)].slice(1).map(([, row]) =>
    [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell]) => cell.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ').trim()),
  );
}

function filled(events) {
  const states = new States();
  const page = statusPage({ secrets: states });
  for (let count = 0; count < events; count++) states.happen();
  return render(page);
}

test('the page says of each service its state, freshness, version, origin and region', () => {
  const { status, headers, body } = filled(10);
  assert.equal(status, 200);
  assert.equal(headers['cache-control'], 'no-store');
  assert.deepEqual(rows(body, 'services').map(([name, state]) => [name.split(' ')[0], state]), [
    ['database', 'fresh'],
    ['redis', 'fresh'],
    ['security', 'fresh'],
    ['stripe', 'fallback'],
    ['email', 'stale'],
    ['government-portal', 'failed'],
    ['monitoring', 'missing'],
  ]);
  const [, , ...email] = rows(body, 'services')[4];
  assert.deepEqual(email, [
    'confirmed 5 h ago next fetch in 2 min served for 20 h more if no fetch succeeds',
    '3f2a9c1e made 12 d ago',
    'Secrets Manager us-east-1',
    '1,057 77 stale',
  ]);
  assert.match(body, /<dd>us-east-1, us-west-2<\/dd>/);
  assert.match(body, /stripe<\/strong> <code>SECRETS_ACCESS_DENIED<\/code>, 7 fetches in a row failed/);
  assert.match(body, /a certificate of the bundle expired on 2026-10-01/);
  assert.deepEqual(rows(body, 'calls')[2], ['GetSecretValue', 'SECRETS_UNAVAILABLE', '61', '3,000 ms']);
  assert.match(body, /aria-label="security: 1 rotated, 1 invalid"/);
});

test('events are shown newest first, and a bounded number of them is kept', () => {
  const few = filled(3);
  assert.deepEqual(rows(few.body, 'events').map(([, service, type]) => `${service} ${type}`), [
    'stripe fallback',
    'stripe failed',
    'redis loaded',
  ]);
  const many = filled(1000);
  assert.equal([...many.body.matchAll(/<tr role="row"><th role="rowheader" scope="row"><time/g)].length, 200);
  assert.ok(many.body.length < 250_000, `${many.body.length} characters`);
});

test('names and messages are text, whatever they hold', () => {
  const states = new States();
  const { health, metrics } = { health: hostile(states.health()), metrics: hostile(states.metrics()) };
  const page = statusPage({ secrets: { health: () => health, metrics: () => metrics, on: (_, listener) => states.on('event', (event) => listener(hostile(event))) } });
  for (let count = 0; count < 10; count++) states.happen();
  const { body } = render(page);
  assert.ok(body.includes('&lt;img src=x onerror=&quot;alert(1)&quot;&gt;'));
  assert.ok(!body.includes('<img') && !body.includes(HOSTILE), 'there is no markup but its own');
  assert.doesNotMatch(body, /[\u202e\u0007]/);
  assert.equal([...body.matchAll(/<script/g)].length, 1);
});

test('the policy allows the style and the script of the page by their hashes, and nothing else', () => {
  const { headers, body } = filled(10);
  const policy = headers['content-security-policy'];
  assert.match(policy, /^default-src 'none'; base-uri 'none'; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; img-src data:;/);
  assert.doesNotMatch(policy, /unsafe|\*/);
  for (const name of ['script', 'style']) {
    const [, text] = new RegExp(`<${name}>(.*?)</${name}>`, 's').exec(body);
    const hash = createHash('sha256').update(text).digest('base64');
    assert.ok(policy.includes(`${name}-src 'sha256-${hash}'`), name);
  }
  assert.doesNotMatch(body, /\sstyle="|\son\w+="|(src|href)="(?!#|data:)/);
});

test('the page of real secrets holds no value', async (t) => {
  const secrets = await Secrets.open({ source: 'environment', secrets: [whatsapp], env: ENVIRONMENT });
  t.after(() => secrets.close());
  const page = statusPage({ secrets });
  secrets.getDatabaseConfig();
  await assert.rejects(secrets.refresh('nothing/here'));
  const { body } = render(page);
  assert.deepEqual(rows(body, 'services').at(-1).slice(0, 2), ['whatsapp/api permisos/development/whatsapp/api', 'fresh']);
  assertNoLeak(body, 'the page');
});

test('before they are loaded, and once they are closed, the page says so', async () => {
  const first = statusPage();
  assert.match(render(first).body, /has not loaded its secrets/);
  await initializeSecrets({ source: 'environment', services: ['redis'], env: ENVIRONMENT });
  assert.deepEqual(rows(render(first).body, 'services').map(([name, state]) => [name, state]), [['redis permisos/development/redis/credentials', 'fresh']]);
  assert.deepEqual(rows(render(first).body, 'events').map(([, service, type]) => [service, type]), [['redis', 'loaded']]);
  await closeSecrets();
  assert.match(render(first).body, /has not loaded its secrets/);
  const secrets = await Secrets.open({ source: 'environment', services: ['redis'], env: ENVIRONMENT });
  const page = statusPage({ secrets });
  secrets.close();
  assert.match(render(page).body, /class="status unavailable"/);
});
