/**
 * Makes test/conformance/recordings/ from folders of recordings, one file for each folder: what is compared
 * and nothing else. `node scripts/pack-recordings.mjs FOLDER MODEL ...`, where MODEL is the kernel's model.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Refusal, root, runMain, say } from './setup.mjs';

const kept = [
  'kernel',
  'op',
  'setup',
  'operation',
  'steady',
  'mappings',
  'sequences',
  'events',
  'events_in_all',
];
const keptOfEvents = ['type', 'name', 'page', 'stack', 'pte_changed', 'pte_after'];

/**
 * The named fields of an object, in this order.
 * @param {Record<string, unknown>} object
 * @param {string[]} fields
 */
function pick(object, fields) {
  return Object.fromEntries(fields.filter(field => field in object).map(field => [field, object[field]]));
}

/** @param {string} path */
function slim(path) {
  const recording = JSON.parse(readFileSync(path, 'utf8'));
  const { mappings, events } = recording;
  return {
    ...pick(recording, kept),
    mappings: mappings.map((/** @type {Record<string, unknown>} */ each) => pick(each, ['name', 'pages'])),
    events: events.map((/** @type {Record<string, unknown>} */ each) => pick(each, keptOfEvents)),
  };
}

await runMain(async () => {
  const args = process.argv.slice(2);
  if (args.length === 0 || args.length % 2 === 1) throw new Refusal('expected pairs of FOLDER and MODEL');
  for (let index = 0; index < args.length; index += 2) {
    const [folder = '', model = ''] = args.slice(index, index + 2);
    const names = readdirSync(folder).filter(name => name.endsWith('.json'));
    const recordings = names.sort().map(name => slim(join(folder, name)));
    const lines = recordings.map(recording => JSON.stringify(recording)).join(',\n');
    const packed = gzipSync(`[\n${lines}\n]\n`, { level: 9 });
    writeFileSync(join(root, 'test', 'conformance', 'recordings', `${model}.json.gz`), packed);
    say(`${model}: ${recordings.length} operations, ${packed.length} bytes`);
  }
});
