/** Listens, and ends without losing what is under way: PM2 starts the next process before it ends this one. */

const { createServer } = require('node:http');
const access = require('./access');
const app = require('./app');
const database = require('./database');
const mail = require('./mail');
const queue = require('./queue');
const settings = require('./settings');

const server = createServer(app);
server.listen(settings.port, settings.host, () => process.send?.('ready'));

process.once('SIGINT', async () => {
  await new Promise((resolve) => server.close(resolve));
  await queue.close();
  await Promise.all([access.close(), database.end(), mail.close()]);
  process.exit(0);
});
