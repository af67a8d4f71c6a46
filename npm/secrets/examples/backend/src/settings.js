/** Plain configuration: none of it is secret, so it stays in the environment. */

const env = (name, fallback) => process.env[name] ?? fallback;
const envInt = (name, fallback) => Number.parseInt(env(name, fallback), 10);

module.exports = {
  host: env('HOST', '127.0.0.1'),
  port: envInt('PORT', '3000'),
  isProduction: process.env.NODE_ENV === 'production',
  poolSize: envInt('DB_POOL_SIZE', '10'),
  /** How often a connection to the database is used before another takes its place. */
  connectionUses: envInt('DB_CONNECTION_USES', '7500'),
  /** Stripe's own API unless a stub is named, as `https://localhost:12111`. */
  stripeUrl: process.env.STRIPE_API_URL ? new URL(process.env.STRIPE_API_URL) : undefined,
};
