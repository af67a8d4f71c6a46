#!/usr/bin/env node
/** `npx @permisos/secrets`: the operator's tool, which the addon holds. */

import { native } from './native.js';

process.exit(native.runTool(['permisos-secrets', ...process.argv.slice(2)]));
