/** Jobs in Redis: what takes longer than a request. */

const Bull = require('bull');
const { createClient } = require('@permisos/secrets/ioredis');
const database = require('./database');
const { send } = require('./mail');
const portal = require('./portal');

/** Each of the queue's three connections follows Redis's secret. */
const queue = new Bull('permits', { createClient, defaultJobOptions: { removeOnComplete: true } });

/** Checks the plate with the government, then issues the permit and mails it. */
queue.process(4, async ({ data: { id, email, plate } }) => {
  const { isRegistered } = await portal.look(plate);
  const state = isRegistered ? 'issued' : 'refused';
  await database.query('UPDATE permits SET state = $2 WHERE id = $1', [id, state]);
  await send({ to: email, subject: `Permit ${id}`, text: `Your permit for ${plate} is ${state}.` });
});

queue.on('failed', (job, error) => console.error(`job ${job.id} failed: ${error.message}`));
queue.on('error', (error) => console.error(`queue: ${error.message}`));

module.exports = queue;
