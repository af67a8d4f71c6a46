/** A backend before: every secret comes from `process.env`, some of them at the top level of a module or in a constructor. */

const { createHmac } = require('node:crypto');
const express = require('express');
const session = require('express-session');
const { RedisStore } = require('connect-redis');
const { Redis } = require('ioredis');
const nodemailer = require('nodemailer');
const pg = require('pg');
const Stripe = require('stripe');
const config = require('./config');

const pool = new pg.Pool(config.database);
const redis = new Redis(config.redis);

class Payments {
  constructor() {
    const { stripeUrl } = config;
    const local = stripeUrl && { host: stripeUrl.hostname, port: stripeUrl.port, protocol: stripeUrl.protocol.slice(0, -1) };
    this.stripe = new Stripe(process.env.STRIPE_PRIVATE_KEY, local);
    this.webhookSecret = process.env.STRIPE_WEBHOOK_SECRET;
  }

  isSigned(body, header) {
    const { t, v1 } = Object.fromEntries(header.split(',').map((part) => part.split('=')));
    return v1 === createHmac('sha256', this.webhookSecret).update(`${t}.${body}`).digest('hex');
  }
}
const payments = new Payments();

const mail = nodemailer.createTransport({ ...config.email, requireTLS: true });

const app = express();
app.post('/webhooks/stripe', express.text({ type: () => true }), (request, response) =>
  response.sendStatus(payments.isSigned(request.body, request.get('stripe-signature')) ? 200 : 400));
app.use(session({ secret: config.sessionSecret, store: new RedisStore({ client: redis }), resave: false, saveUninitialized: false }));
/** Whether everything that needs a secret works. */
app.get('/works', async (request, response) => {
  request.session.seen = true;
  const { rows } = await pool.query('SELECT count(*)::integer AS accounts FROM accounts');
  const payment = await payments.stripe.paymentIntents.create({ amount: 150_00, currency: 'mxn' });
  await mail.sendMail({ from: config.email.from, to: 'ana@permits.example', text: 'It works' });
  const login = { username: process.env.GOVT_USERNAME, password: process.env.GOVT_PASSWORD };
  const portal = await fetch(process.env.GOVT_SITE_LOGIN_URL, { method: 'POST', body: new URLSearchParams(login), redirect: 'manual' });
  const isService = request.get('x-internal-api-key') === process.env.INTERNAL_API_KEY;
  response.json({ ...rows[0], payment: payment.status, portal: portal.status, isService });
});
app.use((error, _request, response, _next) => {
  console.error(error.message);
  response.status(500).json({ error: error.message });
});
app.listen(config.port, config.host, () => process.send?.('ready'));
process.once('SIGINT', () => process.exit(0));
