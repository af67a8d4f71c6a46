// Compiled as an ES module and as CommonJS, never run: the real libraries must fit.

import { metrics } from '@opentelemetry/api';
import { embeddedMetrics } from '@permisos/secrets/cloudwatch';
import { healthHandler, statusPage } from '@permisos/secrets/express';
import { observeSecrets } from '@permisos/secrets/opentelemetry';
import { collectSecrets } from '@permisos/secrets/prometheus';
import type { Secrets } from '@permisos/secrets';
import express = require('express');
import { createServer } from 'node:http';
import * as client from 'prom-client';

export function compiles(secrets: Secrets): void {
  collectSecrets(client);
  collectSecrets(client, { register: new client.Registry(), secrets });
  const stop: () => void = observeSecrets(metrics.getMeter('permisos'), { secrets });
  const line: string | undefined = embeddedMetrics({ namespace: 'Permisos/Secrets', secrets })();
  express().get('/health', healthHandler());
  createServer(healthHandler({ details: true, secrets })).close();
  express().get('/status', statusPage());
  createServer(statusPage({ refresh: 60, secrets })).close();
  void [stop, line];

  // @ts-expect-error no such option
  healthHandler({ detail: true });
  // @ts-expect-error no such option
  statusPage({ authorize: () => true });
  // @ts-expect-error no registry
  collectSecrets(client, { register: 'default' });
}
