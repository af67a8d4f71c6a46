'use strict';

const { requireEnv } = require('./config/env');

const REQUIRED = ['DATABASE_URL', 'SESSION_SECRET', 'WHATSAPP_ACCESS_TOKEN', 'PORT'];

exports.validate = () => {
  for (const name of REQUIRED) {
    if (!process.env[name]) throw new Error(`${name} is missing`);
  }
  requireEnv('JWT_SECRET', 'EMAIL_PASS');
  if (!('GOVT_PASSWORD' in process.env)) console.warn('the portal is off');
};
