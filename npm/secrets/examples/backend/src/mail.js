/** Mail over SMTP. The server, the user and the sender are the secret's. */

const { createTransport } = require('@permisos/secrets/nodemailer');

const transport = createTransport({ pool: true });

module.exports = { send: (message) => transport.sendMail(message), close: () => transport.close() };
