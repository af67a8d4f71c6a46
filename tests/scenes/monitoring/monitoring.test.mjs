// What monitoring receives through the real libraries: names and values as documented, and never a secret.

import assert from 'node:assert/strict';
import diagnostics from 'node:diagnostics_channel';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { Secrets, initializeSecrets } from '@permisos/secrets';
import { embeddedMetrics } from '@permisos/secrets/cloudwatch';
import { healthHandler } from '@permisos/secrets/express';
import { observeSecrets } from '@permisos/secrets/opentelemetry';
import { collectSecrets } from '@permisos/secrets/prometheus';
import express from 'express';
import client from 'prom-client';
import { CANARY, ENVIRONMENT, assertNoLeak } from '../../test/environment.mjs';

Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'testing', AWS_SECRET_ACCESS_KEY: 'testing', AWS_REGION: 'us-east-1' });

/** What the server answers: Redis is there, Stripe is denied, everything else does not exist. */
const ERRORS = { 'permisos/production/stripe/api-keys': 'AccessDeniedException' };

let server;
let secrets;
let events;

before(async () => {
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { SecretIdList = [] } = JSON.parse(body);
    const CreatedDate = Date.now() / 1000 - 86_400;
    const redis = { Name: 'permisos/production/redis/credentials', VersionId: 'v1', CreatedDate };
    const SecretValues = [{ ...redis, SecretString: JSON.stringify({ host: 'cache', password: CANARY }) }];
    const failed = SecretIdList.filter((id) => id !== redis.Name);
    const Errors = failed.map((SecretId) => ({ SecretId, ErrorCode: ERRORS[SecretId] ?? 'ResourceNotFoundException' }));
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    response.end(JSON.stringify({ SecretValues, Errors }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  events = [];
  diagnostics.subscribe('permisos:secrets:event', (event) => events.push(event));
  secrets = await Secrets.open({
    environment: 'production',
    source: 'aws',
    services: ['redis', 'stripe', 'monitoring'],
    endpointUrl: `http://127.0.0.1:${server.address().port}`,
    env: { ...ENVIRONMENT, SENTRY_DSN: '', STRIPE_PUBLIC_KEY: `pk_live_${CANARY}`, STRIPE_PRIVATE_KEY: `sk_live_${CANARY}` },
  });
  for (let reads = 0; reads < 3; reads++) secrets.getRedisConfig();
  secrets.getStripeConfig();
});

after(() => {
  secrets.close();
  server.closeAllConnections();
  server.close();
});

/** The rows of the documented table: name, kind, labels, help. */
async function documented() {
  const text = await readFile(new URL('../../docs/monitoring.md', import.meta.url), 'utf8');
  const rows = text.matchAll(/^\| `(permisos_secrets_\w+)` \| (counter|gauge) \| ([^|]*) \| ([^|]*) \|$/gm);
  return [...rows].map(([, name, type, labels, help]) => [name, type, labels.replaceAll('`', '').split(' '), help]);
}

test('prom-client exposes every documented metric', async () => {
  const register = new client.Registry();
  collectSecrets(client, { register, secrets });
  const metrics = await register.getMetricsAsJSON();
  const registered = metrics.map(({ name, type, help }) => [name, type, help]);
  assert.deepEqual(registered, (await documented()).map(([name, type, , help]) => [name, type, help]));
  const text = await register.metrics();
  for (const line of [
    'permisos_secrets_reads_total{environment="production",service="redis",outcome="fresh"} 3',
    'permisos_secrets_reads_total{environment="production",service="stripe",outcome="environment"} 1',
    'permisos_secrets_fallback_active{environment="production",service="redis"} 0',
    'permisos_secrets_fallback_active{environment="production",service="stripe"} 1',
    'permisos_secrets_fallback_active{environment="production",service="monitoring"} 0',
    'permisos_secrets_unavailable{environment="production",service="stripe"} 0',
    'permisos_secrets_consecutive_failures{environment="production",service="stripe"} 1',
    'permisos_secrets_fetches_total{environment="production",operation="BatchGetSecretValue",status="ok"} 1',
  ]) {
    assert.ok(text.split('\n').includes(line), `${line} is not in\n${text}`);
  }
  const [, days] = /^permisos_secrets_version_age_seconds\{environment="production",service="redis"\} (\S+)$/m.exec(text);
  assert.ok(days >= 86_399 && days < 90_000, days);
  // A second scrape counts nothing twice.
  assert.match(await register.metrics(), /^permisos_secrets_reads_total\{environment="production",service="redis",outcome="fresh"\} 3$/m);
  assertNoLeak(text, 'the exposition');
});

test('OpenTelemetry observes every documented metric', async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  let asked = 0;
  const counted = { health: () => secrets.health(), metrics: () => (asked++, secrets.metrics()) };
  const stop = observeSecrets(provider.getMeter('permisos'), { secrets: counted });
  await reader.forceFlush();
  const [{ scopeMetrics: [{ metrics }] }] = exporter.getMetrics();
  assert.deepEqual(metrics.map(({ descriptor }) => descriptor.name).sort(), (await documented()).map(([name]) => name));
  const points = (name) => metrics.find(({ descriptor }) => descriptor.name === `permisos_secrets_${name}`).dataPoints;
  const reads = points('reads_total').find(({ attributes }) => attributes.service === 'redis' && attributes.outcome === 'fresh');
  assert.equal(reads.value, 3);
  assert.equal(points('fallback_active').find(({ attributes }) => attributes.service === 'stripe').value, 1);
  assertNoLeak(JSON.stringify(exporter.getMetrics()), 'the export');
  stop();
  await reader.forceFlush();
  assert.equal(asked, 1, 'one look at the metrics for all instruments, and none after the end');
  await provider.shutdown();
});

test('a line of the embedded metric format counts since the line before', () => {
  const line = embeddedMetrics({ secrets });
  const first = JSON.parse(line());
  const [{ Namespace, Dimensions, Metrics }] = first._aws.CloudWatchMetrics;
  assert.deepEqual([Namespace, Dimensions], ['Permisos/Secrets', [['Environment']]]);
  for (const { Name } of Metrics) assert.equal(typeof first[Name], 'number', Name);
  assert.deepEqual([first.Environment, first.Fetches, first.FailedFetches], ['production', 1, 0]);
  assert.deepEqual([first.FailingServices, first.FallbackServices, first.StaleServices, first.UnavailableServices], [1, 1, 0, 0]);
  assert.deepEqual(first.services, { failing: ['stripe'], fallback: ['stripe'], stale: [], unavailable: [] });
  assert.equal(JSON.parse(line()).Fetches, 0);
  assertNoLeak(JSON.stringify(first), 'the line');
});

test('diagnostics_channel publishes every event', async () => {
  for (let tries = 0; events.length < 3 && tries < 500; tries++) await sleep(20);
  assert.deepEqual(events.map(({ type, service }) => `${type} ${service}`).sort(), [
    'failed stripe',
    'fallback stripe',
    'loaded redis',
  ]);
  assertNoLeak(JSON.stringify(events), 'the events');
});

async function ask(t, application) {
  const listening = createServer(application).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  t.after(() => listening.close());
  const response = await fetch(`http://127.0.0.1:${listening.address().port}/health`);
  const text = await response.text();
  assertNoLeak(text, 'the answer');
  return { status: response.status, headers: response.headers, body: JSON.parse(text), text };
}

test('Express answers 200 while degraded, without names of secrets', async (t) => {
  const { status, headers, body, text } = await ask(t, express().get('/health', healthHandler({ secrets })));
  assert.deepEqual([status, body.status, headers.get('cache-control')], [200, 'degraded', 'no-store']);
  assert.deepEqual(body.services[1], {
    service: 'stripe',
    status: 'degraded',
    origin: 'environment',
    freshness: 'fresh',
    lastError: 'SECRETS_ACCESS_DENIED',
  });
  assert.doesNotMatch(text, /permisos\/production/);
});

test('node:http answers the whole health where it is asked for', async (t) => {
  const { status, body } = await ask(t, healthHandler({ details: true, secrets }));
  assert.equal(status, 200);
  assert.deepEqual(body.services.map(({ service }) => service), ['redis', 'stripe', 'monitoring']);
  assert.equal(body.services[0].secretId, 'permisos/production/redis/credentials');
});

test('closed secrets are unavailable: 503', async (t) => {
  const closed = await Secrets.open({ source: 'environment', services: ['redis'], env: ENVIRONMENT });
  closed.close();
  const { status, body } = await ask(t, healthHandler({ secrets: closed }));
  assert.deepEqual([status, body.status], [503, 'unavailable']);
});

test('before initialize there is nothing to report, and the health is 503', async (t) => {
  const register = new client.Registry();
  collectSecrets(client, { register });
  assert.doesNotMatch(await register.metrics(), /^permisos_secrets_\w+\{/m);
  assert.equal(embeddedMetrics()(), undefined);
  assert.equal((await ask(t, healthHandler())).status, 503);
  // A start that fails shows in health.
  await assert.rejects(initializeSecrets({ source: 'environment', services: ['redis'], env: {} }));
  assert.match(await register.metrics(), /^permisos_secrets_unavailable\{environment="development",service="redis"\} 1$/m);
  assert.equal(JSON.parse(embeddedMetrics()()).UnavailableServices, 1);
  assert.equal((await ask(t, healthHandler())).status, 503);
  const opened = await initializeSecrets({ source: 'environment', services: ['redis'], env: ENVIRONMENT });
  assert.match(await register.metrics(), /^permisos_secrets_reads_total\{environment="development",service="redis",outcome="environment"\} 0$/m);
  assert.equal((await ask(t, healthHandler())).status, 200);
  opened.close();
});

test('required it is the same copy', async () => {
  const require = createRequire(import.meta.url);
  assert.equal(require('@permisos/secrets/prometheus').collectSecrets, collectSecrets);
  assert.equal(require('@permisos/secrets/opentelemetry').observeSecrets, observeSecrets);
  assert.equal(require('@permisos/secrets/cloudwatch').embeddedMetrics, embeddedMetrics);
  assert.equal(require('@permisos/secrets/express').healthHandler, healthHandler);
});
