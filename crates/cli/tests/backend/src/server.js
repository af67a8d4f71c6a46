'use strict';

require('./validate').validate();
const config = require('./config');
const WhatsApp = require('./services/whatsapp');

if (process.env.NODE_ENV === 'test') process.env.DB_NAME = 'test';
delete process.env.REDIS_URL;

const whatsapp = new WhatsApp();

async function main() {
  await listen(config.port, whatsapp, process.env.REDIS_URL);
  require('node:child_process').spawn('chromium', { env: process.env });
}

main();
