/** nodemailer: a transport that sends over the current server, as the current user. */

import { EventEmitter } from 'node:events';
import { createTransport as create, type MailMessage, type SMTPPoolOptions, type Transport, type Transporter } from 'nodemailer';

import { source } from './follow.js';
import type { EmailConfig, Secrets } from './index.js';

/** nodemailer's options of an SMTP transport, pooled or not, but what the secret answers. */
export type MailOptions = Omit<SMTPPoolOptions, 'auth' | 'host' | 'port' | 'secure' | 'service' | 'url'>;

type Sent = (error: Error | null, info?: any) => void;

interface Used {
  readonly config: EmailConfig;
  readonly transport: Transport & { isIdle?(): boolean } & EventEmitter;
  sending: number;
}

/**
 * A transport that follows the secret: after a rotation it logs in with the new credentials, and the connections made before
 * end once they have sent what they have. TLS is not optional: it begins with the connection on port 465, with STARTTLS on
 * the others. Mails are from the secret's `fromAddress`, and of its SES configuration set, unless they say otherwise.
 *
 * ```js
 * import { createTransport } from '@permisos/secrets/nodemailer';
 *
 * const mailer = createTransport({ pool: true }); // nodemailer's options
 * await mailer.sendMail({ to: 'ana@example.com', subject: 'Hola', text: 'Hola' });
 * ```
 */
export function createTransport(options: MailOptions = {}, secrets?: Secrets): Transporter {
  const config = (): EmailConfig => source(secrets).getEmailConfig();
  const transport = new RotatingTransport(options, config, () => source(secrets).refresh('email'));
  return create(transport, {
    get from() {
      return config().fromAddress;
    },
    get headers() {
      const { configurationSet } = config();
      return configurationSet ? { 'X-SES-CONFIGURATION-SET': configurationSet } : {};
    },
  });
}

class RotatingTransport extends EventEmitter implements Transport {
  readonly name = 'SMTP';
  readonly version = '';
  #used: Used | undefined;

  constructor(
    readonly options: MailOptions,
    readonly config: () => EmailConfig,
    readonly refresh: () => Promise<void>,
  ) {
    super();
  }

  send(mail: MailMessage<any>, callback: Sent): void {
    const refused = this.config();
    this.#send(mail, (error, info) => {
      if ((error as { code?: unknown } | null)?.code !== 'EAUTH') return callback(error, info);
      // The credentials may just have been rotated.
      this.refresh().then(
        () => (this.config() === refused ? callback(error) : this.#send(mail, callback)),
        () => callback(error),
      );
    });
  }

  verify(...args: unknown[]): unknown {
    return this.#current().transport.verify?.(...args);
  }

  isIdle(): boolean {
    return this.#current().transport.isIdle?.() ?? true;
  }

  close(): void {
    this.#used?.transport.close?.();
    this.#used = undefined;
  }

  #send(mail: MailMessage<any>, callback: Sent): void {
    const used = this.#current();
    used.sending++;
    used.transport.send(mail, (error, info) => {
      used.sending--;
      this.#retire(used);
      callback(error, info);
    });
  }

  #current(): Used {
    const config = this.config();
    const before = this.#used;
    if (before?.config === config) return before;
    const { host, port, secure, smtpUser: user, smtpPassword: pass } = config;
    const made = create({ requireTLS: !secure, ...this.options, host, port, secure, auth: { user, pass } });
    const used: Used = { config, transport: made.transporter as Used['transport'], sending: 0 };
    used.transport.on('idle', () => this.emit('idle'));
    this.#used = used;
    if (before) this.#retire(before);
    return used;
  }

  /** Ends what is not current any more, and sends nothing. */
  #retire(used: Used): void {
    if (used !== this.#used && used.sending === 0) used.transport.close?.();
  }
}
