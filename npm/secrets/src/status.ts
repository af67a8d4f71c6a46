/** The status page: one HTML document of what health, metrics and events say. None of it holds a value. */

import { createHash } from 'node:crypto';
import { hostname } from 'node:os';

import type { Health, Sample, SecretsEvent, ServiceHealth } from './generated/documents.js';
import { METRICS } from './generated/metrics.js';
import { Html, html } from './html.js';
import { onSecretsEvent } from './index.js';
import { labelled, observe, type Observed } from './observed.js';
import { ICONS, SCRIPT, STYLE } from './status-assets.js';

/** What the page shows: `Secrets`, say. */
export interface Watched extends Observed {
  on(name: 'event', listener: (event: SecretsEvent) => void): unknown;
}

/** What is used of `node:http`'s response. */
export interface ResponseLike {
  statusCode: number;
  setHeader(name: string, value: string): unknown;
  end(body: string): unknown;
}

/** An event, and when this process heard of it. */
type Heard = SecretsEvent & { readonly heardAt: number };

/** Events kept, and those of them that stand in the open. */
const KEPT = 200;
const OPEN = 15;
const MS = 1000;

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': [
    "default-src 'none'",
    "base-uri 'none'",
    "connect-src 'self'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    'img-src data:',
    `script-src ${hashOf(SCRIPT)}`,
    `style-src ${hashOf(STYLE)}`,
  ].join('; '),
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/**
 * A page for operators: the state of each secret, recent events, calls. It shows names, regions, versions and messages of
 * errors, never a value: put it behind the login of your administrators. Make it once, at the start: it shows the events from
 * then on. It shows this process; each process of a cluster has its own. `refresh` says after how many seconds an open page
 * updates itself; 0 switches that off.
 */
export function statusPage({ refresh = 15, secrets }: { refresh?: number; secrets?: Watched } = {}): (
  request: unknown,
  response: ResponseLike,
) => void {
  const heard: Heard[] = [];
  const since = Date.now();
  const listener = (event: SecretsEvent): void => {
    heard.unshift({ ...event, heardAt: Date.now() });
    heard.length = Math.min(heard.length, KEPT);
  };
  if (secrets) secrets.on('event', listener);
  else onSecretsEvent(listener);
  return (_request, response) => {
    const state = observe(secrets, (it) => ({ health: it.health(), samples: it.metrics() }));
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    response.statusCode = 200;
    response.end(String(page(state, heard, { since, refresh, now: Date.now() })));
  };
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

interface Moment {
  /** Since when events are heard. */
  readonly since: number;
  readonly now: number;
  readonly refresh: number;
}

type State = { health: Health; samples: readonly Sample[] } | undefined;

function page(state: State, heard: readonly Heard[], moment: Moment): Html {
  const status = state?.health.status ?? 'unavailable';
  const title = state ? `${status}: secrets of ${state.health.environment}` : 'secrets are not loaded';
  return html`<!doctype html>
<html lang="en" data-refresh="${moment.refresh}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title}</title>
<link rel="icon" href="${favicon(status)}">
<style>${new Html(STYLE)}</style>
</head>
<body>
${new Html(ICONS)}
<header>
<p class="product">permisos-secrets</p>
<p id="update" role="status"></p>
<button id="pause" type="button" hidden>Pause updates</button>
</header>
<main id="live">
${state ? overview(state, heard, moment) : html`<h1>Secrets</h1>
<p class="status unavailable">${icon('failed')}not loaded</p>
<p>This process has not loaded its secrets: <code>initializeSecrets()</code> was not called, or they are closed.</p>`}
</main>
<footer>
<p>This page shows one process and never a value. Each process of a cluster keeps its own secrets: reload to reach another one.</p>
</footer>
<script>${new Html(SCRIPT)}</script>
</body>
</html>
`;
}

function overview({ health, samples }: NonNullable<State>, heard: readonly Heard[], moment: Moment): Html {
  const { services } = health;
  const isSet = flags(samples);
  const regions = [...new Set(services.flatMap(({ region }) => region ?? []))];
  const facts: [string, Html | string][] = [
    ['Source', SOURCES[health.source]],
    ['Regions', regions.join(', ') || 'none'],
    ['Process', `${process.pid} on ${hostname()}`],
    ['Running for', duration(process.uptime() * MS)],
    ['As of', time(moment.now)],
  ];
  return html`<div class="head">
<h1>Secrets of ${health.environment}</h1>
<p class="status ${health.status}">${icon(STATUS_ICONS[health.status])}${health.status}</p>
</div>
<dl class="facts">${facts.map(([name, fact]) => html`<div><dt>${name}</dt><dd>${fact}</dd></div>`)}</dl>
${attention(services)}
<section aria-labelledby="services">
<h2 id="services">Services</h2>
${table('services', 'Each service with its state. No column holds a value.', ['Service', 'State', 'Freshness', 'Version', 'Origin', 'Reads'],
    services.map((service) => serviceRow(service, stateOf(service, health, isSet))))}
</section>
<section aria-labelledby="timeline">
<h2 id="timeline">Timeline</h2>
${timeline(services, heard, moment)}
</section>
<section aria-labelledby="events">
<h2 id="events">Events</h2>
${events(heard, moment.now)}
</section>
<section aria-labelledby="calls">
<h2 id="calls">Calls</h2>
${calls(samples)}
</section>`;
}

const SOURCES = { agent: 'agent on this machine', aws: 'AWS Secrets Manager', environment: 'environment variables' };
const ORIGINS = { environment: 'environment variables', 'secrets-manager': 'Secrets Manager', snapshot: 'sealed snapshot' };
const STATUS_ICONS = { healthy: 'fresh', degraded: 'stale', unavailable: 'failed' } as const;

type ServiceState = 'failed' | 'fallback' | 'fresh' | 'missing' | 'stale';
type Flag = (metric: Sample['metric'], service: string) => boolean;

/** The engine decides what counts as unavailable, fallback and stale: its metrics say it. */
function flags(samples: readonly Sample[]): Flag {
  const set = new Set(samples.filter(({ value }) => value > 0).map(({ metric, labels }) => `${metric} ${labels[1]}`));
  return (metric, service) => set.has(`${metric} ${service}`);
}

function stateOf({ service, origin }: ServiceHealth, { source }: Health, isSet: Flag): ServiceState {
  if (isSet('permisos_secrets_unavailable', service)) return 'failed';
  if (isSet('permisos_secrets_fallback_active', service)) return 'fallback';
  if (isSet('permisos_secrets_stale', service)) return 'stale';
  // What is optional may be absent: then variables answer, if there are any.
  return origin === null || (origin === 'environment' && source !== 'environment') ? 'missing' : 'fresh';
}

/** What somebody should look at, in words that say what to do. */
function attention(services: readonly ServiceHealth[]): Html {
  const items = services.flatMap(({ service, lastError, lastErrorMessage, consecutiveFailures, status, warnings }) => {
    const isFailing = lastError !== null && (status !== 'healthy' || consecutiveFailures > 0);
    const failed = consecutiveFailures > 1 ? `, ${consecutiveFailures} fetches in a row failed` : '';
    return [
      ...(isFailing ? [html`<li>${icon('failed')}<div><strong>${service}</strong> <code>${lastError}</code>${failed}<p>${lastErrorMessage}</p></div></li>`] : []),
      ...warnings.map(({ path, message }) => html`<li>${icon('warning')}<div><strong>${service}</strong> <code>${path}</code><p>${message}</p></div></li>`),
    ];
  });
  return html`<section aria-labelledby="attention">
<h2 id="attention">What needs attention</h2>
${items.length > 0 ? html`<ul class="attention">${items}</ul>` : html`<p class="muted">Nothing.</p>`}
</section>`;
}

function serviceRow(health: ServiceHealth, state: ServiceState): (Html | string)[] {
  const { service, secretId, required, versionId, versionAgeMs, origin, region, reads } = health;
  const total = reads.environment + reads.failed + reads.fresh + reads.stale;
  const otherwise = (['stale', 'environment', 'failed'] as const).filter((outcome) => reads[outcome] > 0);
  return [
    html`<strong>${service}</strong><small class="id">${secretId}</small>${required ? '' : html`<small>optional</small>`}`,
    html`<span class="state ${state}">${icon(state)}${state}</span>`,
    age(health, state),
    versionId === null ? '–' : html`<code title="${versionId}">${versionId.slice(0, 8)}</code>${versionAgeMs === null ? '' : html`<small>made ${duration(versionAgeMs)} ago</small>`}`,
    html`${origin === null ? '–' : ORIGINS[origin]}${region === null ? '' : html`<small>${region}</small>`}`,
    html`${number(total)}${otherwise.map((outcome) => html`<small>${number(reads[outcome])} ${outcome}</small>`)}`,
  ];
}

/** How far a value is on its way: to its next fetch, or, past its lifetime, to its end. */
function age({ ageMs, expiresInMs, nextRefreshMs, origin }: ServiceHealth, state: ServiceState): Html | string {
  const next = nextRefreshMs === null ? 'fetch under way' : `next fetch in ${duration(nextRefreshMs)}`;
  if (ageMs === null) return origin === 'environment' && state === 'fresh' ? '–' : html`<small>${nextRefreshMs === null ? '–' : next}</small>`;
  const ahead = (state === 'fresh' ? nextRefreshMs : expiresInMs) ?? 0;
  const share = Math.min(100, (100 * ageMs) / Math.max(1, ageMs + ahead)).toFixed(1);
  return html`<svg class="age ${state}" width="100%" height="6" aria-hidden="true"><rect class="track" width="100%" height="6" rx="3"/><rect class="done" width="${share}%" height="6" rx="3"/></svg>
confirmed ${duration(ageMs)} ago<small>${next}</small>${expiresInMs === null ? '' : html`<small>served for ${duration(expiresInMs)} more if no fetch succeeds</small>`}`;
}

/** A lane for each service, a mark for each event: its shape says which, the table below when and why. */
function timeline(services: readonly ServiceHealth[], heard: readonly Heard[], { now, since }: Moment): Html {
  const start = heard.length === KEPT ? heard[KEPT - 1]!.heardAt : since;
  const span = Math.max(MS, now - start);
  const lane = ({ service }: ServiceHealth): Html => {
    const own = heard.filter((event) => event.service === service);
    const counted = [...count(own.map(({ type }) => type))].map(([type, times]) => `${times} ${type}`).join(', ');
    // The later drawn covers the earlier: what is rare is drawn last.
    const drawn = [...own].sort((one, other) => Number(other.type === 'refreshed') - Number(one.type === 'refreshed'));
    const marks = drawn.map(({ type, heardAt }) => {
      const x = ((100 * (heardAt - start)) / span).toFixed(2);
      return html`<svg class="mark ${type}" x="${x}%" y="4" width="14" height="14" overflow="visible"><use href="#i-${type}" width="14" height="14" x="-7"/></svg>`;
    });
    return html`<li><span>${service}</span><svg width="100%" height="22" role="img" aria-label="${service}: ${counted || 'no event'}"><line x2="100%" y1="11" y2="11"/>${marks}</svg></li>`;
  };
  const types = [...new Set(heard.map(({ type }) => type))].sort();
  return html`<figure class="timeline">
<figcaption>Events of the last ${duration(span)}, by service</figcaption>
<ul>${services.map(lane)}</ul>
<p class="axis"><span>${time(start, now)}</span><span>now</span></p>
<ul class="legend">${types.map((type) => html`<li class="mark ${type}">${icon(type)}<span>${type}</span></li>`)}</ul>
</figure>`;
}

function events(heard: readonly Heard[], now: number): Html {
  if (heard.length === 0) return html`<p class="muted">None since this page was set up.</p>`;
  const rows = heard.map((event) => [
    time(event.heardAt, now),
    event.service,
    html`<span class="mark ${event.type}">${icon(event.type)}<span>${event.type}</span></span>`,
    html`<span class="details">${describe(event)}</span>`,
  ]);
  const columns = ['Time', 'Service', 'Event', 'Details'];
  const earlier = rows.slice(OPEN);
  return html`${table('events', 'The latest events, the newest first.', columns, rows.slice(0, OPEN))}
${earlier.length === 0 ? '' : html`<details id="earlier"><summary>${earlier.length} earlier events</summary>${table('events', `Earlier events; the last ${KEPT} are kept.`, columns, earlier)}</details>`}`;
}

function describe(event: SecretsEvent): string {
  const lines = (parts: readonly { path: string; message: string }[]): string => parts.map(({ path, message }) => `\n${path}: ${message}`).join('');
  const short = (versionId: string | null): string => (versionId === null ? '' : ` version ${versionId.slice(0, 8)}`);
  switch (event.type) {
    case 'failed':
      return `${event.error}: ${event.message}\n${event.consecutiveFailures} in a row; again in ${duration(event.retryInMs)}`;
    case 'fallback':
      return `${event.error}: answered from ${ORIGINS[event.origin]} instead${lines(event.warnings)}`;
    case 'invalid':
      return `refused${short(event.versionId)}${lines(event.violations)}`;
    case 'loaded':
      return `from ${ORIGINS[event.origin]}${short(event.versionId)}${lines(event.warnings)}`;
    case 'recovered':
      return `after ${event.failures} failed ${event.failures === 1 ? 'fetch' : 'fetches'}${event.fromFallback ? ', in which something else stood in' : ''}`;
    case 'refreshed':
      return `confirmed${short(event.versionId)}${lines(event.warnings)}`;
    case 'rotated':
      return `from${short(event.from)} to${short(event.to)}${lines(event.warnings)}`;
    case 'stale':
      return `${duration(event.ageMs)} old; served for ${duration(event.expiresInMs)} more if no fetch succeeds`;
    default:
      return '';
  }
}

/** The metrics of calls, as they are scraped. */
function calls(samples: readonly Sample[]): Html {
  const of = (metric: Sample['metric']): Record<string, string>[] => {
    const { labels } = METRICS.find(({ name }) => name === metric)!;
    return samples.filter((it) => it.metric === metric).map((it) => ({ ...labelled(labels, it), value: String(it.value) }));
  };
  const took = of('permisos_secrets_fetch_duration_seconds_total');
  const rows = of('permisos_secrets_fetches_total').map(({ operation = '', status = '', value }) => {
    const seconds = Number(took.find((it) => it.operation === operation && it.status === status)?.value ?? 0);
    const mean = Math.round((seconds * MS) / Math.max(1, Number(value)));
    return [operation, html`<code>${status}</code>`, number(Number(value)), `${number(mean)} ms`];
  });
  if (rows.length === 0) return html`<p class="muted">No call was made.</p>`;
  return table('calls', 'Calls to Secrets Manager since the start, by outcome', ['Call', 'Outcome', 'Count', 'Mean time'], rows);
}

/** A table whose rows become cards on a narrow screen; the roles keep it a table for who hears it. */
function table(kind: string, caption: string, columns: readonly string[], rows: readonly (readonly (Html | string)[])[]): Html {
  const cell = (content: Html | string, index: number): Html =>
    index === 0
      ? html`<th role="rowheader" scope="row">${content}</th>`
      : html`<td role="cell" data-column="${columns[index]}"><div>${content}</div></td>`;
  return html`<table role="table" class="${kind}">
<caption>${caption}</caption>
<thead role="rowgroup"><tr role="row">${columns.map((name) => html`<th role="columnheader" scope="col">${name}</th>`)}</tr></thead>
<tbody role="rowgroup">${rows.map((cells) => html`<tr role="row">${cells.map(cell)}</tr>`)}</tbody>
</table>`;
}

function icon(name: ServiceState | SecretsEvent['type'] | 'warning'): Html {
  return html`<svg class="icon" width="14" height="14" aria-hidden="true"><use href="#i-${name}"/></svg>`;
}

/** The tab shows the status, too: by its shape as well. */
function favicon(status: Health['status']): string {
  const shapes = {
    healthy: '<circle cx="8" cy="8" r="6" fill="#1a8f55"/>',
    degraded: '<path d="M8 1 15 14H1z" fill="#c77d00"/>',
    unavailable: '<path d="M2 2h12v12H2z" fill="#c62832"/>',
  };
  return `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">${shapes[status]}</svg>`)}`;
}

function count<T>(items: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

/** Without the date where it is today's. */
function time(milliseconds: number, now?: number): Html {
  const [iso, today] = [milliseconds, now ?? 0].map((it) => new Date(it).toISOString()) as [string, string];
  const date = iso.slice(0, 10) === today.slice(0, 10) ? '' : `${iso.slice(0, 10)} `;
  return html`<time datetime="${iso}">${date}${iso.slice(11, 19)} UTC</time>`;
}

function number(value: number): string {
  return value.toLocaleString('en');
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', MS],
] as const;

/** The two largest units: `3 h 20 min`. */
function duration(milliseconds: number): string {
  const first = UNITS.findIndex(([, length]) => milliseconds >= length);
  if (first < 0) return 'less than 1 s';
  let rest = milliseconds;
  const parts = UNITS.slice(first, first + 2).map(([unit, length]) => {
    const whole = Math.floor(rest / length);
    rest -= whole * length;
    return whole > 0 ? `${whole} ${unit}` : '';
  });
  return parts.filter(Boolean).join(' ');
}
