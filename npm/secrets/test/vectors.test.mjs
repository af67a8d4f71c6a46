// The vectors of the repository, on the addon's engine. The format: tests/vectors/README.md.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Secrets } from '@permisos/secrets';

const VECTORS = process.env.PERMISOS_VECTORS;
assert.ok(VECTORS, 'PERMISOS_VECTORS names the folder of the vectors');

const require = createRequire(import.meta.url);
const native = join(require.resolve('@permisos/secrets'), '../../native');
const { NativeEngine } = require(join(native, readdirSync(native)[0]));

const STARTED_AT = 1_790_000_000_000;
const load = (...path) => JSON.parse(readFileSync(join(VECTORS, ...path), 'utf8'));
const STANDARD = load('standard.json');
const results = {};
const findings = (violations) => violations.map(({ path, rule }) => [path, rule]);

for (const file of readdirSync(join(VECTORS, 'payloads'))) {
  for (const { rule, service = 'redis', payload, options, variables = {}, expect } of load('payloads', file)) {
    check(`${file}: ${rule}`, () => assert.deepEqual(become(service, payload, options, variables), expect));
  }
}

for (const file of readdirSync(join(VECTORS, 'scripts'))) {
  for (const { rule, options, variables = {}, steps } of load('scripts', file)) {
    check(`${file}: ${rule}`, () => {
      const document = { environment: 'test', source: 'aws', startedAt: STARTED_AT, seed: 7, ...options };
      const engine = NativeEngine.open(JSON.stringify(document), variables);
      assert.equal(typeof engine, 'object', engine);
      const underWay = [];
      for (const [index, step] of steps.entries()) {
        if (step.clock !== undefined) engine.handleClock(step.at, document.startedAt + step.at + step.clock);
        play(engine, step, underWay, `step ${index} at ${step.at}`);
      }
    });
  }
}

test('a login that another password may heal is made again, whatever wraps its error', async (t) => {
  const text = JSON.stringify({ host: 'db', database: 'app', username: 'app', password: 'p4ss-Word-1' });
  const value = { ARN: 'x', Name: 'x', SecretString: text, VersionId: '0'.repeat(32), CreatedDate: 1 };
  const server = createServer((_, response) => response.end(JSON.stringify(value))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.env.AWS_ACCESS_KEY_ID = process.env.AWS_SECRET_ACCESS_KEY = 'testing';
  const endpointUrl = `http://127.0.0.1:${server.address().port}`;
  const secrets = await Secrets.open({ source: 'aws', services: ['database'], region: 'us-east-1', endpointUrl, env: {} });
  t.after(() => {
    secrets.close();
    server.close();
    server.closeAllConnections();
  });
  for (const file of readdirSync(join(VECTORS, 'logins'))) {
    for (const { rule, error, retried } of load('logins', file)) {
      for (const thrown of [error, errorOf(error)]) {
        const done = secrets.withDatabaseRetry(() => Promise.reject(thrown), { budgetMs: 20 });
        const told = done.then(assert.fail, (error) => assert.equal(error, thrown, rule)).then(() => false);
        // What is not tried again is told before anything else happens.
        assert.equal(await Promise.race([told, new Promise((later) => setImmediate(later, true))]), retried, rule);
        await told;
      }
    }
  }
  const circle = Object.assign(new Error('a circle'), { code: '42601' });
  circle.cause = circle;
  Object.defineProperty(circle, 'thrown', { get: () => assert.fail('a getter') });
  for (const odd of [circle, null, undefined, 'text', 5]) {
    await secrets.withDatabaseRetry(() => Promise.reject(odd)).then(assert.fail, (error) => assert.equal(error, odd));
  }
});

/** As drivers throw them: with a class, a stack, and members that are not listed. */
function errorOf({ message, errors, ...members }) {
  const error = errors ? new AggregateError(errors.map(errorOf), message) : new Error(message);
  for (const [name, value] of Object.entries(members)) {
    const isError = typeof value === 'object' && name !== 'meta';
    Object.defineProperty(error, name, { value: isError ? errorOf(value) : value, enumerable: name !== 'cause' });
  }
  return error;
}

// For the table of `cargo xtask test`: vectors by runtimes.
const { PERMISOS_RESULTS } = process.env;
if (PERMISOS_RESULTS) after(() => writeFileSync(join(PERMISOS_RESULTS, 'node.json'), JSON.stringify(results)));

function check(title, vector) {
  results[title] = false;
  test(title, () => {
    vector();
    results[title] = true;
  });
}

function become(service, payload, options, variables) {
  const document = {
    environment: 'development',
    startedAt: STARTED_AT,
    services: service.includes('/') ? [] : [service],
    source: payload === undefined ? 'environment' : 'aws',
    ...options,
  };
  const engine = NativeEngine.open(JSON.stringify(document), variables);
  if (typeof engine === 'string') return outcome(JSON.parse(engine));
  const fetch = payload === undefined ? null : engine.pollFetch(0);
  if (fetch) {
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    const outcomes = [{ service, payload: { text, versionId: 'v1', createdAt: 0 } }];
    engine.handleFetched(0, JSON.stringify({ id: JSON.parse(fetch).id, outcomes }));
  }
  const { error, config, redacted } = JSON.parse(engine.read(service, 0));
  if (error) return outcome(error);
  const warnings = findings(JSON.parse(engine.health(0)).services[0].warnings);
  return warnings.length > 0 ? { config, redacted, warnings } : { config, redacted };
}

function outcome({ code, violations }) {
  return { code, violations: findings(violations) };
}

function play(engine, step, underWay, where) {
  const now = step.at;
  if (step.refresh) {
    const answer = engine.refresh(step.refresh, now);
    assert.equal(answer.startsWith('{') ? JSON.stringify(JSON.parse(answer).code) : answer, step.outcome, where);
  }
  if (step.fetch) {
    const fetch = JSON.parse(engine.pollFetch(now) ?? 'null');
    const key = ({ service, stage }) => (stage === 'AWSCURRENT' ? service : `${service}@${stage}`);
    const requests = fetch?.requests ?? [];
    assert.deepEqual(requests.map(key), step.fetch, where);
    if (step.forced) assert.deepEqual(requests.filter(({ forced }) => forced).map(key), step.forced, where);
    if (fetch) underWay.push(fetch);
  }
  if (step.answer) {
    const outcomes = Object.entries(step.answer).map(([key, answer]) => {
      const [service, stage = 'AWSCURRENT'] = key.split('@');
      if (answer.code) return { service, stage, failure: answer };
      const { text, ...rest } =
        typeof answer === 'string' ? { text: STANDARD[service], versionId: answer, createdAt: 0 } : answer;
      return { service, stage, payload: { ...rest, text: text === null || typeof text === 'string' ? text : JSON.stringify(text) } };
    });
    const { id } = underWay.shift();
    engine.handleFetched(now, JSON.stringify({ id, outcomes, calls: step.calls ?? [] }));
  }
  if (step.timeout !== undefined) {
    const timeout = engine.pollTimeout();
    const [low, high] = step.timeout ?? [];
    assert.ok(step.timeout === null ? timeout === null : low <= timeout && timeout <= high, `${where}: ${timeout}`);
  }
  for (const [service, expected] of Object.entries(step.read ?? {})) {
    const read = JSON.parse(engine.read(service, now));
    assertSubset(read.error ?? read, expected, `${where}: ${service}`);
  }
  if (step.events) {
    const events = [];
    for (let event; (event = engine.pollEvent()); ) events.push(JSON.parse(event));
    const shortened = (event, index) =>
      typeof step.events[index] === 'object' ? event : `${event.type} ${event.service}`;
    assertSubset(events.map(shortened), step.events, where);
  }
  if (step.loaded !== undefined) {
    const loaded = engine.loaded(now);
    assert.equal(loaded ? JSON.parse(loaded).code : loaded === '' ? true : loaded, step.loaded, where);
  }
  if (step.health) assertSubset(JSON.parse(engine.health(now)), step.health, where);
}

function assertSubset(got, expected, where) {
  if (Array.isArray(expected)) assert.equal(got?.length, expected.length, where);
  if (typeof expected !== 'object' || expected === null) return assert.deepEqual(got ?? null, expected, where);
  for (const [name, value] of Object.entries(expected)) assertSubset(got?.[name], value, `${where}/${name}`);
}
