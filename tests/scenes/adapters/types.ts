// Compiled as an ES module and as CommonJS, never run: the real libraries must fit.

import type { Secrets } from '@permisos/secrets';
import { loadAllSecrets } from '@permisos/secrets/compat';
import { sessionSecrets } from '@permisos/secrets/express-session';
import { createClient as createBullClient, createRedis } from '@permisos/secrets/ioredis';
import { createTransport } from '@permisos/secrets/nodemailer';
import { clientConfig, createPool, poolConfig } from '@permisos/secrets/pg';
import { clientOptions, credentialsProvider } from '@permisos/secrets/redis';
import { constructEvent, createStripe } from '@permisos/secrets/stripe';
import Bull = require('bull');
import session = require('express-session');
import { Redis } from 'ioredis';
import type { Transporter } from 'nodemailer';
import * as pg from 'pg';
import { createClient, createCluster } from 'redis';
import type Stripe from 'stripe';

export async function compiles(secrets: Secrets): Promise<void> {
  const pool: pg.Pool = createPool({ max: 20, statement_timeout: 5000 }, secrets);
  const rows: { n: number }[] = (await pool.query<{ n: number }>('SELECT 1 AS n')).rows;
  new pg.Pool(poolConfig({ max: 1 }));
  new pg.Client(clientConfig());
  const redis: Redis = createRedis({ keyPrefix: 'app:' });
  new Bull('mail', { createClient: createBullClient });
  const client = createClient(clientOptions({ RESP: 2, name: 'app' }));
  const value: string | null = await client.get('key');
  createCluster({ rootNodes: [], defaults: { credentialsProvider: credentialsProvider() } });
  session({ secret: sessionSecrets(), resave: false, saveUninitialized: false });
  const stripe: Stripe = createStripe({ maxNetworkRetries: 2 });
  const type: string = constructEvent('', undefined, { tolerance: 300 }).type;
  const mailer: Transporter = createTransport({ pool: true, maxConnections: 2 });
  await mailer.sendMail({ to: 'ana@example.com', text: 'Hola' });
  const { database, security } = await loadAllSecrets();
  const sslCa: string | undefined = database.sslCa;
  database.host = 'another';
  void [rows, redis, value, stripe, type, sslCa, security.jwtSecret];

  // @ts-expect-error it would hide the secret
  createPool({ connectionString: 'postgresql://…' });
  // @ts-expect-error it is the secret's
  createRedis({ password: 'x' });
  // @ts-expect-error it is the secret's
  createTransport({ auth: { user: 'x', pass: 'x' } });
  // @ts-expect-error it is the secret's
  createStripe({ authenticator: async () => {} });
}
