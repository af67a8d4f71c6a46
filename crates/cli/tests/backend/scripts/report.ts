import { env as read } from '../src/config/env.js';
import { env } from 'node:process';

const dsn: string = read('SENTRY_DSN')!;
const key = (env as Record<string, string>).DATADOG_API_KEY;

export default class Report {
  private readonly key = process.env.NEW_RELIC_LICENSE_KEY!;
  constructor(private readonly configService: ConfigService) {}
  portal = () => this.configService.get<string>('GOVT_USERNAME');
  all = [dsn, key, this.key];
}
