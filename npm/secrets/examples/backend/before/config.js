/** Read once, at the start, in all the ways in which code reads its environment. */

const { readFileSync } = require('node:fs');

const env = (name, fallback) => process.env[name] ?? fallback;
const envInt = (name, fallback) => Number.parseInt(env(name, String(fallback)), 10);
const isProduction = process.env.NODE_ENV === 'production';

const missing = ['DATABASE_URL', 'SESSION_SECRET', 'STRIPE_PRIVATE_KEY', 'EMAIL_FROM'].filter((name) => !process.env[name]);
if (missing.length > 0) throw new Error(`these variables are not set: ${missing.join(', ')}`);

module.exports = {
  host: process.env.HOST || '127.0.0.1',
  port: parseInt(process.env.PORT || '3000', 10),
  database: {
    connectionString: process.env.DATABASE_URL,
    max: envInt('DB_POOL_MAX', 10),
    ssl: isProduction ? { ca: readFileSync(process.env.RDS_CA_CERT_PATH, 'utf8') } : false,
  },
  redis: {
    host: env('REDIS_HOST', 'localhost'),
    port: envInt('REDIS_PORT', 6379),
    username: process.env.REDIS_USERNAME,
    password: process.env.REDIS_PASSWORD || undefined,
    tls: process.env.REDIS_TLS === 'true' ? { ca: readFileSync(process.env.REDIS_TLS_CA_PATH, 'utf8') } : undefined,
  },
  sessionSecret: process.env.SESSION_SECRET || (() => { throw new Error('SESSION_SECRET is not set') })(),
  internalApiKey: process.env.INTERNAL_API_KEY,
  email: {
    host: process.env.EMAIL_HOST || 'localhost',
    port: envInt('EMAIL_PORT', 587),
    auth: process.env.EMAIL_USER ? { user: process.env.EMAIL_USER, pass: process.env.EMAIL_PASS } : undefined,
    from: process.env.EMAIL_FROM?.trim(),
  },
  stripeUrl: process.env.STRIPE_API_URL ? new URL(process.env.STRIPE_API_URL) : undefined,
  hasWhatsapp: !!process.env.WHATSAPP_TOKEN,
};
