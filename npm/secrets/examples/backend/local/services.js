/** What the backend talks to, on this machine: Stripe's API, a mail server, the government's portal. All speak TLS. */

const { randomUUID } = require('node:crypto');
const { once } = require('node:events');
const { createServer } = require('node:https');
const { SMTPServer } = require('smtp-server');

/** Starts all three with a certificate `{ key, cert }`. `accept` says which credentials each takes from now on. */
exports.startServices = async (tls) => {
  const accepted = { stripe: [], mail: [], portal: [] };
  const isAccepted = (service, ...parts) => accepted[service].some((known) => JSON.stringify(known) === JSON.stringify(parts));
  let mails = 0;

  const stripe = createServer(tls, async (request, response) => {
    const fields = new URLSearchParams(await text(request));
    const [, key] = /^Bearer (.*)$/.exec(request.headers.authorization ?? '') ?? [];
    const answer = (status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (!isAccepted('stripe', key)) return answer(401, { error: { type: 'invalid_request_error', message: 'Invalid API Key provided' } });
    const payment = { object: 'payment_intent', amount: Number(fields.get('amount')), currency: 'mxn', status: 'succeeded' };
    answer(200, { id: `pi_${randomUUID()}`, ...payment, metadata: { permit: fields.get('metadata[permit]') } });
  });

  const cookies = new Map();
  const portal = createServer(tls, async (request, response) => {
    const fields = new URLSearchParams(await text(request));
    if (request.method === 'POST') {
      const login = [fields.get('username'), fields.get('password')];
      if (!isAccepted('portal', ...login)) return response.writeHead(401).end();
      const cookie = `portal=${randomUUID()}`;
      cookies.set(cookie, login);
      return response.writeHead(303, { location: '/', 'set-cookie': `${cookie}; Secure; HttpOnly` }).end();
    }
    // A changed password ends every session.
    const login = cookies.get(request.headers.cookie);
    if (!login || !isAccepted('portal', ...login)) return response.writeHead(401).end();
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>Plate</title><p>registered');
  });

  const mail = new SMTPServer({
    ...tls,
    authMethods: ['PLAIN', 'LOGIN'],
    onAuth({ username, password }, _session, callback) {
      callback(...(isAccepted('mail', username, password) ? [null, { user: username }] : [new Error('Invalid username or password')]));
    },
    async onData(stream, _session, callback) {
      await text(stream);
      mails++;
      callback();
    },
  });
  mail.on('error', () => {});

  const ports = {};
  for (const [name, server] of Object.entries({ stripe, portal, mail: mail.server })) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ports[name] = server.address().port;
  }
  return {
    ports,
    /** So many were sent. */
    get mails() {
      return mails;
    },
    /** Each is a list of credentials: a key, or user and password. */
    accept: (service, ...credentials) => (accepted[service] = credentials),
    async stop() {
      for (const server of [stripe, portal]) {
        server.close();
        server.closeAllConnections();
      }
      await new Promise((resolve) => mail.close(resolve));
    },
  };
};

async function text(stream) {
  let whole = '';
  for await (const chunk of stream) whole += chunk;
  return whole;
}
