// An HTTP proxy between client and emulator that misbehaves on demand and remembers every request.

import { once } from 'node:events';
import { createServer as createPlain, request as send } from 'node:http';
import { createServer as createSecure } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a request is answered: by the emulator's answer, made worse, or by one of its own. */
export const FAULTS = {
  /** The emulator's answer. */
  none: async (upstream, response) => {
    const { status, headers, body } = await upstream();
    response.writeHead(status, headers).end(body);
  },
  /** The connection is cut. */
  cut: async (_upstream, response) => response.destroy(),
  /** Half the body, then the connection is cut. */
  half: async (upstream, response) => {
    const { status, headers, body } = await upstream();
    response.writeHead(status, { ...headers, 'content-length': body.length });
    response.write(body.subarray(0, body.length / 2), () => response.socket.destroy());
  },
  /** No answer, ever. */
  hang: async () => {},
  /** One byte at a time. */
  slow: async (upstream, response) => {
    const { status, headers, body } = await upstream();
    response.writeHead(status, { ...headers, 'content-length': body.length });
    for (const byte of body) {
      if (response.destroyed) return;
      response.write(Buffer.of(byte));
      await sleep(100);
    }
    response.end();
  },
  /** This very answer. */
  answer: (status, body, headers = {}) => async (_upstream, response) => {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  },
};

/** The fault for the requests to one region only. */
export function inRegion(region, fault) {
  return (upstream, response, seen) => (seen.region === region ? fault : FAULTS.none)(upstream, response, seen);
}

/**
 * Starts one in front of a URL, with TLS if there are certificates (`{ key, cert }`). In front of several, an object by
 * region, the first segment of the path is the region.
 */
export async function startProxy(target, certificates) {
  const proxy = {
    /** Every request that arrived: `{ operation, stage, region, at }`. The SDK sends a call again once. */
    requests: [],
    fault: FAULTS.none,
    /** Closes the port: connections are refused. */
    async refuse() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
    /** Opens the same port again. */
    async accept() {
      server.listen(proxy.port, '127.0.0.1');
      await once(server, 'listening');
    },
    /** Shows other certificates from the next connection on. */
    certify(others) {
      server.setSecureContext(others);
      server.closeAllConnections();
    },
    async stop() {
      if (server.listening) await proxy.refuse();
    },
  };
  const server = certificates ? createSecure(certificates) : createPlain();
  server.on('request', async (request, response) => {
    const chunks = [];
    response.on('error', () => {});
    try {
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      const seen = describe(request, body);
      proxy.requests.push(seen);
      const upstream = typeof target === 'string' ? target : target[seen.region];
      await proxy.fault(() => forward(upstream, request, body), response, seen);
    } catch {
      response.destroy();
    }
  });
  // A client that refuses the certificate ends the handshake.
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy.port = server.address().port;
  proxy.url = `${certificates ? 'https' : 'http'}://127.0.0.1:${proxy.port}`;
  return proxy;
}

function describe(request, body) {
  const [, operation] = (request.headers['x-amz-target'] ?? '').split('.');
  const { VersionStage: stage, SecretIdList: ids } = JSON.parse(body.toString() || '{}');
  const [, region] = /Credential=[^/]+\/\d+\/([^/]+)\//.exec(request.headers.authorization ?? '') ?? [];
  return { operation, stage, ids: ids?.length, region, at: performance.now() };
}

async function forward(upstream, { method, headers }, body) {
  const sent = send(upstream, { method, headers, agent: false });
  sent.end(body);
  const [answer] = await once(sent, 'response');
  const chunks = [];
  for await (const chunk of answer) chunks.push(chunk);
  const { connection: _, 'transfer-encoding': __, ...rest } = answer.headers;
  return { status: answer.statusCode, headers: rest, body: Buffer.concat(chunks) };
}
