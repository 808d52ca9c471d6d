/**
 * Run after a dependency changed: takes out of package-lock.json what npm keeps there for `npm fund`, so that
 * the file names packages and checksums but no hosts. A test refuses hosts.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const file = join(root, 'package-lock.json');
const lock = JSON.parse(readFileSync(file, 'utf8'));
for (const entry of Object.values(lock.packages)) delete entry.funding;
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
