'use strict';

const { env, envInt, envBool } = require('./env');

const isProduction = process.env.NODE_ENV === 'production';

module.exports = {
  port: envInt('PORT', 3000),
  logLevel: env('LOG_LEVEL', 'info'),
  database: {
    url: process.env.DATABASE_URL,
    host: env('DB_HOST', 'localhost'),
    port: envInt('DB_PORT', 5432),
    user: process.env.DB_USER || 'postgres',
    password: process.env.DB_PASSWORD,
    ssl: isProduction && process.env.RDS_CA_CERT_PATH ? { ca: process.env.RDS_CA_CERT_PATH } : undefined,
  },
  redis: {
    host: env('REDIS_HOST', 'localhost'),
    port: parseInt(process.env.REDIS_PORT || '6379', 10),
    password: process.env.REDIS_PASSWORD,
    tls: envBool('REDIS_TLS'),
  },
  whatsapp: {
    enabled: !!process.env.WHATSAPP_ACCESS_TOKEN,
  },
};
