// Under faults without end, memory, files and threads stay flat. PERMISOS_SOAK_SECONDS says how long.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { isolateAws } from '../../servers/servers.mjs';

const SECONDS = Number(process.env.PERMISOS_SOAK_SECONDS ?? 20);

let version = 1;

function fields(name) {
  if (name.includes('/database/')) {
    return { host: 'db', database: 'd', username: `user${version}`, password: `password${version}` };
  }
  if (name.includes('/redis/')) return { host: 'cache', password: `password${version}` };
  if (name.includes('/stripe/')) return { publicKey: 'pk_test_1', privateKey: 'sk_test_1', webhookSecret: 'whsec_1' };
  return { token: `token${version}` };
}

// Half of the answers are good; the others are what networks and servers do.
function answer(request, response, body, dice) {
  const { SecretId, SecretIdList } = JSON.parse(body);
  const entry = (Name) => ({
    Name, ARN: `arn:${Name}`, VersionId: `v${version}`, SecretString: JSON.stringify(fields(Name)), CreatedDate: 0,
  });
  const good = JSON.stringify(
    SecretIdList ? { SecretValues: SecretIdList.map(entry), Errors: [] } : entry(SecretId),
  );
  response.setHeader('content-type', 'application/x-amz-json-1.1');
  const fail = (status, code) => {
    response.statusCode = status;
    response.end(JSON.stringify({ __type: code, message: 'scripted' }));
  };
  if (dice < 0.5) return response.end(good);
  if (dice < 0.57) return fail(500, 'InternalServiceError');
  if (dice < 0.64) return fail(400, 'ThrottlingException');
  if (dice < 0.7) return request.socket.destroy();
  if (dice < 0.76) {
    response.setHeader('content-length', good.length);
    response.write(good.slice(0, good.length / 2));
    return void setTimeout(() => request.socket.destroy(), 20);
  }
  if (dice < 0.82) return response.end(good.slice(0, good.length / 2));
  if (dice < 0.88) return response.end(good.replaceAll('host', 'hots').replaceAll('token', 'nekot'));
  if (dice < 0.94) return void setTimeout(() => response.end(good), 1500);
  version++;
  return response.end(good);
}

test(`a soak of ${SECONDS} s under faults is flat`, { timeout: (SECONDS + 120) * 1000 }, async (t) => {
  isolateAws();
  let seed = 7;
  let calls = 0;
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    // The first answers are good: the application has to start.
    answer(request, response, body, ++calls < 3 ? 0 : seed / 2 ** 31);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const app = new URL('./soak-app.mjs', import.meta.url).pathname;
  const url = `http://127.0.0.1:${server.address().port}`;
  const child = spawn(process.execPath, ['--expose-gc', app, url, String(SECONDS)], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  const [code] = await once(child, 'exit');
  assert.equal(code, 0, 'no read failed');
  const { samples, reads, events, calls: counted } = JSON.parse(output);
  // The first third warms up.
  const third = Math.floor(samples.length / 3);
  const [early, late] = [samples.slice(third, 2 * third), samples.slice(2 * third)];
  const most = (list, name) => Math.max(...list.map((sample) => sample[name]));
  const median = (list, name) => list.map((sample) => sample[name]).sort((a, b) => a - b)[Math.floor(list.length / 2)];
  const figures = ['rss', 'heap', 'threads', 'files'].map((name) => [name, median(early, name), median(late, name)]);
  t.diagnostic(`${reads} reads, ${events} events, ${calls} calls; early and late: ${JSON.stringify(figures)}`);
  assert.ok(counted.some(({ error }) => error === 'SECRETS_UNAVAILABLE'), 'there were faults');
  assert.ok(most(late, 'threads') <= most(early, 'threads') + 2, 'threads are flat');
  assert.ok(most(late, 'files') <= most(early, 'files') + 12, 'files are flat');
  assert.ok(median(late, 'rss') < median(early, 'rss') * 1.1 + 8192, 'memory is flat');
});
