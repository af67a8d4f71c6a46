// Runs the vectors of the repository on the component, from JavaScript. The format: tests/vectors/README.md.
//
// Usage: vectors.mjs TRANSPILED VECTORS [RESULTS]. Writes the outcome of each into RESULTS, for the table of
// `cargo xtask test`.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { SecretsError, attempt, load, open } from './component.mjs';

const STARTED_AT = 1_790_000_000_000;
const [transpiled, folder, resultsFile] = process.argv.slice(2);
const read = (...path) => JSON.parse(readFileSync(join(folder, ...path), 'utf8'));
const STANDARD = read('standard.json');
const component = await load(transpiled);

const results = {};
for (const [kind, check] of [['payloads', (vector) => assert.deepEqual(become(vector), vector.expect)], ['scripts', play]]) {
  for (const file of readdirSync(join(folder, kind)).sort()) {
    for (const vector of read(kind, file)) {
      const title = `${file}: ${vector.rule}`;
      try {
        check(vector);
        results[title] = true;
      } catch (error) {
        results[title] = false;
        console.log(`${title}\n  ${error.message}`);
      }
    }
  }
}
if (resultsFile) writeFileSync(resultsFile, JSON.stringify(results));
const failed = Object.values(results).filter((holds) => !holds).length;
console.log(`${Object.keys(results).length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function opened({ startedAt = STARTED_AT, seed = 0, ...options }, variables = {}) {
  return open(component, options, variables, startedAt, seed);
}

function textOf(payload) {
  return typeof payload === 'string' || payload === null ? payload : JSON.stringify(payload);
}

/** What one payload, or one environment, becomes. */
function become({ service = 'redis', payload, options, variables }) {
  const [services, source] = [service.includes('/') ? [] : [service], payload === undefined ? 'environment' : 'aws'];
  const findings = (violations) => violations.map(({ path, rule }) => [path, rule]);
  try {
    const engine = opened({ environment: 'development', services, source, ...options }, variables);
    const fetch = payload === undefined ? undefined : engine.pollFetch(0);
    if (fetch) {
      const outcomes = [{ service, payload: { text: textOf(payload), versionId: 'v1', createdAt: 0 } }];
      attempt(() => engine.handleFetched(0, JSON.stringify({ id: JSON.parse(fetch).id, outcomes })));
    }
    const { config, redacted } = JSON.parse(attempt(() => engine.read(service, 0)));
    const warnings = findings(JSON.parse(engine.health(0)).services[0].warnings);
    return warnings.length > 0 ? { config, redacted, warnings } : { config, redacted };
  } catch (error) {
    if (!(error instanceof SecretsError)) throw error;
    return { code: error.code, violations: findings(error.violations) };
  }
}

/** One timed script. */
function play({ options: more, variables, steps }) {
  const options = { environment: 'test', source: 'aws', startedAt: STARTED_AT, seed: 7, ...more };
  const engine = opened(options, variables);
  const underWay = [];
  for (const [index, step] of steps.entries()) {
    if (step.clock !== undefined) engine.handleClock(step.at, options.startedAt + step.at + step.clock);
    turn(engine, step, underWay, `step ${index} at ${step.at}`);
  }
}

function turn(engine, step, underWay, where) {
  const now = step.at;
  if (step.refresh) {
    const outcome = answer(() => engine.refresh(step.refresh, now));
    assert.equal(typeof outcome === 'string' ? outcome : JSON.stringify(outcome.code), step.outcome, where);
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
      const given =
        typeof answer === 'string' ? { text: STANDARD[service], versionId: answer, createdAt: 0 } : answer;
      return { service, stage, payload: { ...given, text: textOf(given.text ?? null) } };
    });
    const fetched = { id: underWay.shift().id, outcomes, calls: step.calls ?? [] };
    attempt(() => engine.handleFetched(now, JSON.stringify(fetched)));
  }
  if (step.timeout !== undefined) {
    const timeout = engine.pollTimeout();
    const [low, high] = step.timeout ?? [];
    assert.ok(step.timeout ? low <= timeout && timeout <= high : timeout === undefined, `${where}: timeout ${timeout}`);
  }
  for (const [service, expected] of Object.entries(step.read ?? {})) {
    const got = answer(() => JSON.parse(engine.read(service, now)));
    assertSubset(got, expected, `${where}: read ${service}`);
  }
  if (step.events) {
    const events = [];
    for (let event; (event = engine.pollEvent()); ) events.push(JSON.parse(event));
    const shortened = (event, index) =>
      typeof step.events[index] === 'object' ? event : `${event.type} ${event.service}`;
    assertSubset(events.map(shortened), step.events, `${where}: events`);
  }
  if (step.loaded !== undefined) {
    const loaded = answer(() => engine.loaded(now) || null);
    assert.equal(loaded?.code ?? loaded, step.loaded, `${where}: loaded`);
  }
  if (step.health) assertSubset(JSON.parse(engine.health(now)), step.health, `${where}: health`);
}

/** The answer, or the error's document. */
function answer(work) {
  try {
    return attempt(work);
  } catch (error) {
    if (!(error instanceof SecretsError)) throw error;
    return error;
  }
}

function assertSubset(got, expected, where) {
  if (Array.isArray(expected)) assert.equal(got?.length, expected.length, where);
  if (typeof expected !== 'object' || expected === null) return assert.deepEqual(got ?? null, expected, where);
  for (const [name, value] of Object.entries(expected)) assertSubset(got?.[name], value, `${where}/${name}`);
}
