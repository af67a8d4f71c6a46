// nodemailer through a rotation, pooled and not, against a real SMTP server with TLS.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { SMTPServer } from 'smtp-server';
import { Secrets } from '@permisos/secrets';
import { createTransport } from '@permisos/secrets/nodemailer';
import { isolateAws, makeCertificates, startMoto } from '../../servers/servers.mjs';
import { until } from '../../support/scene.mjs';
import { keepBusy } from '../../support/work.mjs';

let moto;
let certificates;

before(async () => {
  isolateAws();
  [moto, certificates] = await Promise.all([startMoto(), makeCertificates('localhost')]);
});

after(() => moto?.stop());

/** A server that takes mail from those who log in over TLS: who did, how many are connected, what came. */
async function startSmtp(t, accounts, options) {
  const open = new Map();
  const mails = [];
  const server = new SMTPServer({
    ...certificates.good,
    disabledCommands: [],
    logger: false,
    onAuth({ username, password }, session, done) {
      if (!session.secure) return done(new Error('TLS first'));
      if (accounts.get(username) !== password) return done(Object.assign(new Error('no such account'), { responseCode: 535 }));
      open.set(session.id, username);
      done(null, { user: username });
    },
    onClose: ({ id }) => open.delete(id),
    onData(stream, session, done) {
      let text = '';
      stream.on('data', (chunk) => (text += chunk)).on('end', () => {
        mails.push({ user: session.user, from: session.envelope.mailFrom.address, text });
        done();
      });
    },
    ...options,
  });
  server.on('error', () => {});
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  t.after(() => server.close());
  return { port: server.server.address().port, open, mails };
}

const stored = (port, user, more) =>
  ({ smtpUser: user, smtpPassword: `canary-password-${user}`, fromAddress: 'hola@permisos.mx', host: 'localhost', port, ...more });

async function store(t, environment, value, options) {
  const name = `permisos/${environment}/email/credentials`;
  await moto.create(name, value);
  const secrets = await Secrets.open({
    environment,
    source: 'aws',
    services: ['email'],
    endpointUrl: moto.url,
    env: {},
    ...options,
  });
  t.after(() => secrets.close());
  return { secrets, put: (value) => moto.put(name, value) };
}

const tls = () => ({ ca: certificates.authority });
const account = (user) => [user, `canary-password-${user}`];
const mail = { to: 'ana@example.com', subject: 'Hola', text: 'Hola' };

for (const pool of [true, false]) {
  const how = pool ? 'pooled: ' : 'not pooled: ';
  test(how + 'mail goes on as the new user, and nothing stays connected as the old one', async (t) => {
    const accounts = new Map([account('one')]);
    const smtp = await startSmtp(t, accounts);
    const { secrets, put } = await store(t, `pool-${pool}`, stored(smtp.port, 'one', { configurationSet: 'permits' }), { ttl: 1 });
    const mailer = createTransport({ pool, maxConnections: 3, tls: tls() }, secrets);
    t.after(() => mailer.close());
    await mailer.verify();
    const load = keepBusy(t, () => mailer.sendMail(mail), 4);
    await load.more();
    accounts.set(...account('two'));
    await put(stored(smtp.port, 'two'));
    await until('the move', () => smtp.mails.at(-1).user === 'two' && ![...smtp.open.values()].includes('one'));
    accounts.delete('one');
    await load.more();
    await load.end();
    const [first] = smtp.mails;
    assert.equal(first.from, 'hola@permisos.mx');
    assert.match(first.text, /^X-SES-Configuration-Set: permits\r$/im);
    assert.doesNotMatch(smtp.mails.at(-1).text, /configuration-set/i);
  });

  test(how + 'a login that is refused fetches the secret, and the mail is sent', async (t) => {
    const accounts = new Map([account('one')]);
    const smtp = await startSmtp(t, accounts);
    const { secrets, put } = await store(t, `refused-${pool}`, stored(smtp.port, 'one'));
    const mailer = createTransport({ pool, maxMessages: 1, tls: tls() }, secrets);
    t.after(() => mailer.close());
    const load = keepBusy(t, () => mailer.sendMail(mail), 3);
    await load.more();
    await put(stored(smtp.port, 'two'));
    accounts.set(...account('two'));
    accounts.delete('one');
    await load.more();
    await load.end();
    assert.equal(smtp.mails.at(-1).user, 'two');
    // What no refresh heals is reported.
    accounts.delete('two');
    await assert.rejects(mailer.sendMail(mail), { code: 'EAUTH' });
  });
}

test('TLS is not optional, and begins with the connection on port 465', async (t) => {
  const accounts = new Map([account('one')]);
  const clear = await startSmtp(t, accounts, { disabledCommands: ['STARTTLS'] });
  const { secrets } = await store(t, 'clear', stored(clear.port, 'one'));
  const mailer = createTransport({}, secrets);
  await assert.rejects(mailer.sendMail(mail), { code: 'ETLS' });
  assert.equal(clear.mails.length, 0);

  const implicit = await store(t, 'implicit', stored(465, 'one', { host: '127.0.0.1' }));
  const seen = [];
  const getSocket = (options, done) => {
    seen.push(options.secure, options.port);
    done(new Error('enough'));
  };
  await assert.rejects(createTransport({ getSocket }, implicit.secrets).sendMail(mail), { message: 'enough' });
  assert.deepEqual(seen, [true, 465]);
});
