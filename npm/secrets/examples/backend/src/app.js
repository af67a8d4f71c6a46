/** The application's routes. */

const express = require('express');
const { healthHandler, statusPage } = require('@permisos/secrets/express');
const access = require('./access');
const database = require('./database');
const payments = require('./payments');
const queue = require('./queue');
const whatsapp = require('./whatsapp');

const app = express();
const raw = express.raw({ type: () => true });
app.disable('x-powered-by');

// Probes, and services of ours.
app.get('/health', healthHandler());
app.get('/internal/permits', access.requireService, async (_request, response) => {
  const { rows } = await database.query('SELECT state, count(*)::integer FROM permits GROUP BY state ORDER BY state');
  response.json(rows);
});

// What others report: the signature is of the body as it came.
app.post('/webhooks/stripe', raw, async (request, response) => {
  await payments.receive(request.body, request.get('stripe-signature'));
  response.sendStatus(200);
});
app.post('/webhooks/whatsapp', raw, (request, response) => {
  if (!whatsapp.isOn()) return response.sendStatus(404);
  response.sendStatus(whatsapp.isSigned(request.body, request.get('x-hub-signature-256')) ? 200 : 401);
});

// People.
app.use(express.json(), express.urlencoded({ extended: false }), access.sessions);
app.get('/login', (_request, response) => response.type('html').send(LOGIN));
app.post('/login', access.login);
app.get('/me', access.requireAccount, (request, response) => response.json(request.session.account));
app.post('/permits', access.requireAccount, async (request, response) => {
  const { id: account, email } = request.session.account;
  const plate = String(request.body.plate);
  const { rows: [{ id }] } = await database.query('INSERT INTO permits (account_id, plate) VALUES ($1, $2) RETURNING id', [account, plate]);
  await queue.add({ id, email, plate });
  response.status(202).json({ id });
});
app.get('/permits/:id', access.requireAccount, async (request, response) => {
  const query = 'SELECT id, plate, state, payment FROM permits WHERE id = $1 AND account_id = $2';
  const { rows: [permit] } = await database.query(query, [request.params.id, request.session.account.id]);
  if (!permit) return response.sendStatus(404);
  response.json(permit);
});
app.post('/permits/:id/payment', access.requireAccount, async (request, response) => {
  response.json(await payments.pay(request.params.id, 150_00));
});

// Operators.
app.get('/status', access.requireOperator, statusPage());

app.use((error, _request, response, _next) => {
  console.error(error.message);
  const isOurs = !error.type?.startsWith('Stripe');
  response.status(error.statusCode ?? (isOurs ? 500 : 400)).json({ error: 'it did not work' });
});

const LOGIN = `<!doctype html>
<html lang="en">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Log in</title>
<main>
<h1>Log in</h1>
<form method="post">
<p><label>E-mail address <input name="email" type="email" autocomplete="username" required></label></p>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label></p>
<p><button>Log in</button></p>
</form>
</main>
</html>
`;

module.exports = app;
