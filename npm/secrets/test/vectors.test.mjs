// The vectors of the repository through the package's own functions: its real driver and source on real time, against a
// server that answers as the vector says. The format: tests/vectors/README.md.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { closeSecrets, getHealth, getSecret, initializeSecrets, onSecretsEvent } from '@permisos/secrets';

const VECTORS = process.env.PERMISOS_VECTORS;
assert.ok(VECTORS, 'PERMISOS_VECTORS names the folder of the vectors');

const load = (...path) => JSON.parse(readFileSync(join(VECTORS, ...path), 'utf8'));
const STANDARD = load('standard.json');
/** How Secrets Manager says what a vector calls by its code: error and status. */
const FAILURES = {
  SECRETS_ACCESS_DENIED: ['AccessDeniedException', 400],
  SECRETS_CONFIG_INVALID: ['ValidationException', 400],
  SECRETS_DECRYPTION_FAILED: ['DecryptionFailure', 400],
  SECRETS_NOT_FOUND: ['ResourceNotFoundException', 400],
  SECRETS_THROTTLED: ['ThrottlingException', 400],
  SECRETS_TIMEOUT: ['RequestTimeout', 400],
  SECRETS_UNAUTHENTICATED: ['UnrecognizedClientException', 400],
  SECRETS_UNAVAILABLE: ['InternalServiceError', 500],
};
const results = {};
const findings = (violations) => violations.map(({ path, rule }) => [path, rule]);

/** What was asked for and is not answered yet, and what was answered: a source may ask twice within a call. */
let asked = [];
let answered = new Map();
/** Each vector has a path of its own: what an earlier one still asks for is not heard. */
let vectors = 0;
let base;
let url;
const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const { pathname, searchParams } = new URL(request.url, base);
  // The agent has one path.
  if (!`${base}${pathname}`.startsWith(`${url}/`) && !searchParams.has('secretId')) return response.destroy();
  const { SecretIdList, SecretId, VersionStage } = body ? JSON.parse(body) : { SecretId: searchParams.get('secretId') };
  const values = new Map();
  for (const id of SecretIdList ?? [SecretId]) {
    const answer = (value) => {
      values.set(id, value);
      if (values.size === (SecretIdList?.length ?? 1)) respond(response, SecretIdList, values);
    };
    const stage = VersionStage ?? 'AWSCURRENT';
    const known = answered.get(`${id}@${stage}`);
    if (known) answer(known);
    else asked.push({ id, stage, answer: (value) => answer(answered.set(`${id}@${stage}`, value) && value) });
  }
});

function respond(response, isBatch, values) {
  const all = [...values.values()];
  response.setHeader('content-type', 'application/x-amz-json-1.1');
  if (isBatch) {
    const [SecretValues, Errors] = [all.filter(({ Name }) => Name), all.filter(({ ErrorCode }) => ErrorCode)];
    return response.end(JSON.stringify({ SecretValues, Errors }));
  }
  const { ErrorCode, status = 200 } = all[0];
  response.writeHead(status).end(JSON.stringify(ErrorCode ? { __type: ErrorCode } : all[0]));
}

/** An answer of a vector as Secrets Manager's. */
function value(id, service, answer) {
  if (answer.code) {
    const [ErrorCode, status] = FAILURES[answer.code];
    return { SecretId: id, ErrorCode, status };
  }
  const { text, versionId, createdAt = 0 } =
    typeof answer === 'string' ? { text: STANDARD[service], versionId: answer } : answer;
  const content =
    text === null
      ? { SecretBinary: 'AAEC' }
      : { SecretString: typeof text === 'string' ? text : JSON.stringify(text) };
  return { Name: id, ARN: `arn:${id}`, VersionId: versionId, CreatedDate: createdAt / 1000, ...content };
}

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  base = `http://127.0.0.1:${server.address().port}`;
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_TOKEN: 'test',
  });
});

beforeEach(() => {
  url = `${base}/${vectors++}`;
  asked = [];
  answered = new Map();
});

afterEach(async () => {
  await closeSecrets();
  // For its last events.
  await sleep(2);
});

after(() => {
  server.close();
  server.closeAllConnections();
  // For the table of `cargo xtask test`: vectors by runtimes, and why one was not played.
  const { PERMISOS_RESULTS } = process.env;
  if (PERMISOS_RESULTS) writeFileSync(join(PERMISOS_RESULTS, 'npm.json'), JSON.stringify(results));
});

for (const file of readdirSync(join(VECTORS, 'payloads'))) {
  for (const { rule, service = 'redis', payload, options, variables = {}, expect } of load('payloads', file)) {
    const title = `${file}: ${rule}`;
    if (options?.startedAt) results[title] = 'has another date than today';
    else check(title, async () => {
      assert.deepEqual(await become(service, payload, options, variables), expect);
    });
  }
}

for (const file of readdirSync(join(VECTORS, 'scripts'))) {
  for (const { rule, options, variables = {}, steps } of load('scripts', file)) {
    const title = `${file}: ${rule}`;
    const reason = unplayable(steps);
    if (reason) results[title] = reason;
    else check(title, () => play(options, variables, steps));
  }
}

function check(title, vector) {
  results[title] = false;
  test(title, async () => {
    await vector();
    results[title] = true;
  });
}

/** Why a script cannot be played on real time, through what the package exports, against a server. */
function unplayable(steps) {
  if (steps.some(({ at }) => at > 0)) return 'takes hours: its time is virtual';
  if (steps.some((step) => 'timeout' in step || 'calls' in step || 'refresh' in step))
    return "says what the package does not show: the engine's next time, another driver's calls, a refresh before the load";
  const isKnown = (answer) => !answer.code || answer.code in FAILURES;
  const answers = steps.flatMap(({ answer = {} }) => Object.entries(answer));
  const requests = steps.flatMap(({ fetch = [] }) => fetch);
  if (answers.some(([, answer]) => !isKnown(answer)) || (steps.some(({ answer }) => answer) && answers.length !== requests.length))
    return 'has a source answer what no server does';
  if (answers.some(([key]) => !requests.includes(key))) return 'has a source answer what no server does';
  return undefined;
}

async function become(service, payload, options, variables) {
  const opening = initializeSecrets({
    environment: 'development',
    services: service.includes('/') ? [] : [service],
    ...(payload === undefined ? { source: 'environment' } : from(service, options)),
    ...options,
    env: variables,
  });
  const settled = opening.then(
    (secrets) => ({ secrets }),
    (error) => ({ error }),
  );
  if (payload !== undefined) {
    const [request] = await Promise.race([until(() => asked.length > 0 && asked), settled.then(() => [])]);
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    request?.answer(value(request.id, service, { text, versionId: 'v1' }));
  }
  const { secrets, error } = await settled;
  if (error) return outcome(error);
  let read;
  try {
    read = shape(secrets.read(service));
  } catch (error) {
    return outcome(error);
  }
  const { config, redacted } = read;
  const warnings = findings(secrets.health().services[0].warnings);
  return warnings.length > 0 ? { config, redacted, warnings } : { config, redacted };
}

/** Where a payload comes from: from the agent a value has no region, if no option says one. */
function from(service, options) {
  if (service === 'email' && !options?.region) return { source: 'agent', endpointUrl: url };
  return { source: 'aws', endpointUrl: url, ...(options?.region ? {} : { region: 'us-east-1' }) };
}

function outcome({ code, violations }) {
  return { code, violations: findings(violations) };
}

/** A read as the vectors write it: what a config holds, and what it shows. */
function shape({ config, previous, versionId = null, ...rest }) {
  const redacted = JSON.parse(JSON.stringify(config));
  return { ...rest, versionId, config: plain(config), redacted, previous: previous ? { config: plain(previous) } : null };
}

function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, it]) => [name, plain(it)]));
}

async function play(options, variables, steps) {
  const isAws = { endpointUrl: url, region: 'us-east-1' };
  const events = [];
  const end = onSecretsEvent((event) => events.push(event));
  const document = { environment: 'test', source: 'aws', seed: 7, ...isAws, ...options, env: variables };
  let loaded = null;
  const load = initializeSecrets(document).then(
    (secrets) => (loaded = { secrets }),
    (error) => (loaded = { error }),
  );
  // A source asks each region for the ARN of its own.
  const anywhere = (id) => id.replace(/^(arn:[^:]*:secretsmanager:)[^:]*/, '$1');
  const byId = new Map(getHealth().services.map(({ service, secretId }) => [anywhere(secretId), service]));
  const key = ({ id, stage }) => byId.get(anywhere(id)) + (stage === 'AWSCURRENT' ? '' : `@${stage}`);
  const underWay = [];
  try {
    for (const step of steps) {
      if (step.fetch) {
        if (step.fetch.length === 0) await sleep(20);
        else await until(() => asked.length >= step.fetch.length);
        assert.deepEqual(asked.map(key).sort(), [...step.fetch].sort());
        underWay.push(...asked.splice(0));
      }
      for (const [name, answer] of Object.entries(step.answer ?? {})) {
        const request = underWay.find((request) => key(request) === name);
        request.answer(value(request.id, name.split('@')[0], answer));
      }
      // A load ends in its own time.
      if (step.answer || document.source === 'environment') await load;
      for (const [service, expected] of Object.entries(step.read ?? {})) {
        assertSubset(answerOf(loaded, service), expected, service);
      }
      if (step.events) {
        await until(() => events.length >= step.events.length);
        const shortened = (event, index) =>
          typeof step.events[index] === 'object' ? event : `${event.type} ${event.service}`;
        assertSubset(events.splice(0).map(shortened), step.events, 'events');
      }
      if (step.loaded === null) assert.equal(loaded, null);
      else if (step.loaded !== undefined) assert.equal((await load).error?.code ?? true, step.loaded);
      if (step.health) assertSubset(getHealth(), step.health, 'health');
    }
  } finally {
    end();
  }
}

/** What a read answers, or the error that it throws; after a load that failed, why that did. */
function answerOf(loaded, service) {
  try {
    if (loaded?.error) throw loaded.error;
    return shape(loaded ? loaded.secrets.read(service) : { config: getSecret({ id: service, fields: {} }) });
  } catch (error) {
    return error.toJSON();
  }
}

async function until(condition) {
  for (const started = Date.now(); Date.now() - started < 20_000; await sleep(1)) {
    const answer = condition();
    if (answer) return answer;
  }
  assert.fail(`timed out: ${condition}`);
}

function assertSubset(got, expected, where) {
  if (Array.isArray(expected)) assert.equal(got?.length, expected.length, where);
  if (typeof expected !== 'object' || expected === null) return assert.deepEqual(got ?? null, expected, where);
  for (const [name, value] of Object.entries(expected)) assertSubset(got?.[name], value, `${where}/${name}`);
}
