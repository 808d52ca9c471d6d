/** Debugging stories as the client sees them; `npx vitest run -u test/debug` records them anew. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { capabilities } from '../../src/debug/capabilities';
import { replayTranscript } from './transcript';

const folder = join(import.meta.dirname, 'transcripts');
const names = readdirSync(folder).filter(name => name.endsWith('.txt'));

test.each(names)('%s', async name => {
  const path = join(folder, name);
  await expect(await replayTranscript(readFileSync(path, 'utf8'))).toMatchFileSnapshot(path);
});

test('what is announced has a transcript, and nothing else is announced', () => {
  const told = names.flatMap(name =>
    [...readFileSync(join(folder, name), 'utf8').matchAll(/^# capability: (\S+)$/gm)].map(match => match[1]),
  );
  expect([...new Set(told)].sort()).toEqual(Object.keys(capabilities).sort());
});
