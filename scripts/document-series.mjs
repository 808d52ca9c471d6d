/** Makes docs/series.md: the claims of the series, each with its scenarios searched and run. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childEnvironment, Refusal, root, runMain } from './setup.mjs';

/**
 * Calls `shootdown` with these arguments.
 * @typedef {(...args: string[]) => Promise<{ code: number, out: string, err: string }>} Call
 */

/**
 * A claim, and the files of scenarios/series/ (without `.mmu`) that show it, by what they show.
 * @typedef {{ title: string, text: string, files: readonly (readonly [role: string, file: string])[] }} Claim
 */

/** What a run cost. @typedef {import('../src/trace/costs').Costs} Costs */

const folder = join('scenarios', 'series');

/** @type {readonly Claim[]} */
export const claims = [
  {
    title: '1. New entries cannot be kept out',
    text: `Between start and end a driver would have to keep new entries out. A device that walks the \
process's own page table cannot be kept out: it loads an entry inside the bracket, and a batch of pages is \
freed there. With the series nothing needs to be kept out.`,
    files: [
      ['trouble', '1-keep-out-before'],
      ['cure', '1-keep-out-after'],
    ],
  },
  {
    title: '2. A flush in start is too early',
    text: 'The entry is still in the page table, and the device loads it again.',
    files: [
      ['trouble', '2-start-is-too-early-before'],
      ['cure', '2-start-is-too-early-after'],
    ],
  },
  {
    title: '3. A flush in end is too late',
    text: `Two witnesses: a full batch, which is flushed from the CPUs and freed inside the bracket, and \
page-table pages, which are freed after it while the device walks again.`,
    files: [
      ['trouble', '3-end-is-too-late-batch-before'],
      ['cure', '3-end-is-too-late-batch-after'],
      ['trouble', '3-end-is-too-late-tables-before'],
      ['cure', '3-end-is-too-late-tables-after'],
    ],
  },
  {
    title: '4. The empty page table makes devices fail',
    text: `The driver of 3.18 lets the device walk an empty page table while a bracket is open. Page \
requests are answered, the device tries again, and after a number of re-faults (two here) it gives up.`,
    files: [
      ['trouble', '4-empty-page-table-before'],
      ['cure', '4-empty-page-table-after'],
    ],
  },
  {
    title: '5. The empty page table causes a storm of page requests',
    text: `The schedule: the device accesses a page for the first time, which is a page request. Then a \
thread opens one, two or three brackets for other pages, and the device accesses its page once in each. \
Before the series each bracket adds one page request, which is an interrupt, for a page that is there: it \
is answered, the bracket ends, and the access succeeds. While a bracket stays open there are more (claim \
4). After the series there is the first page request and no other. Nothing is violated on either side: the \
claim is in the last column.`,
    files: [
      ['trouble', '5-storm-before'],
      ['cure', '5-storm-after'],
    ],
  },
  {
    title: '6. Nobody hears of freed page-table pages',
    text: `start and end are over when munmap frees page tables, and an IOMMU may still have a pointer to \
one. With the series its walk cache is flushed before they are freed, by the second call of \
\`invalidate_range\`.`,
    files: [
      ['trouble', '6-page-tables-before'],
      ['cure', '6-page-tables-after'],
    ],
  },
  {
    title: '7. invalidate_range alone suffices, but not for reclaim and migration',
    text: `A subscriber with only \`invalidate_range\` and \`release\` needs neither start nor end, as the \
end of a bracket calls it. That holds for munmap, copy-on-write, remap_file_pages and uprobes, for huge \
pages too, and because of the flush: without it, each is violated. It does not hold for reclaim and \
migration, which have no bracket and call \`invalidate_page\` only; there a subscriber needs that too. So it \
was recorded.`,
    files: [
      ['suffices', '7-only-invalidate-range-holds'],
      ['trouble', '7-only-invalidate-range-violated'],
      ['cure', '7-with-invalidate-page'],
    ],
  },
  {
    title: '8. invalidate_range also comes outside any bracket',
    text: `For page-table pages it comes after the end of munmap's only bracket: two calls, one bracket. A \
driver that takes it for something that lies between start and end misses the second.`,
    files: [
      ['trouble', '8-outside-a-bracket-before'],
      ['cure', '8-outside-a-bracket-after'],
    ],
  },
];

const introduction = `# The claims of the series

Why Linux got \`invalidate_range\`, claim by claim, each shown by scenarios in \`scenarios/series/\`.
This page is made by \`node scripts/document-series.mjs\`, from what \`shootdown explore\` and \
\`shootdown run\` say.

- The verdict is about every interleaving, and every way in which caches fill and drop what they hold.
- The counts are those of one run: on the schedule that the scenario states, or fair, everyone in turn.
- *Callbacks* are calls of the subscriber's callbacks; start, end and range are \`invalidate_range_start\`, \
\`invalidate_range_end\` and \`invalidate_range\`.
- *CPU flushes* count whole TLBs and single pages; *IOMMU* and *device* are the invalidations that each \
carried out.
- *Page requests* are written to the IOMMU's log, and each wakes its interrupt thread.
- A device without page requests has a driver of its own, which is in the file; the others are \
[shipped](models.md#drivers).
`;

/** The page as text. @param {Call} call */
export async function seriesPage(call) {
  const lines = [introduction];
  for (const claim of claims) lines.push(await claimSection(claim, call));
  return lines.join('\n');
}

/**
 * The section of one claim.
 * @param {Claim} claim
 * @param {Call} call
 */
export async function claimSection({ title, text, files }, call) {
  const rows = [];
  for (const [role, file] of files) {
    for (const scenario of scenariosOf(file)) rows.push(await rowOf(role, file, scenario, call));
  }
  const head = [
    '| | scenario | kernel | driver | verdict | callbacks | CPU flushes | IOMMU | device | page requests |',
    '|---|---|---|---|---|---|---|---|---|---|',
  ];
  return `## ${title}\n\n${text}\n\n${[...head, ...rows].join('\n')}\n`;
}

/** The files of scenarios/series/, without `.mmu`. */
export function seriesFiles() {
  return readdirSync(join(root, folder)).map(name => name.replace(/\.mmu$/, ''));
}

/** @typedef {{ name: string, kernel: string, driver: string, expect: string }} Scenario */

/**
 * The scenarios of a file, as far as the page tells of them.
 * @param {string} file
 * @returns {Scenario[]}
 */
function scenariosOf(file) {
  const blocks = readFileSync(join(root, folder, `${file}.mmu`), 'utf8')
    .split(/^scenario /m)
    .slice(1);
  return blocks.map(block => ({
    name: first(block, /^(\w+)/),
    kernel: first(block, /^ {2}kernel (\S+)/m),
    driver: first(block, /bind .* driver (\S+)/),
    expect: first(block, /^ {2}expect (.+)/m),
  }));
}

/**
 * @param {string} text
 * @param {RegExp} pattern
 */
function first(text, pattern) {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Refusal(`no ${pattern} in a scenario of ${folder}`);
  return found;
}

/**
 * @param {string} role
 * @param {string} file
 * @param {Scenario} scenario
 * @param {Call} call
 */
async function rowOf(role, file, { name, kernel, driver, expect }, call) {
  const path = join(folder, `${file}.mmu`);
  await asExpected(call, [0], 'explore', path, '--scenario', name, '--workers', '1', '--json');
  // One schedule need not show what the search has found.
  const out = await asExpected(call, [0, 3], 'run', path, '--scenario', name, '--json');
  const records = out.trimEnd().split('\n').slice(-2);
  /** @type {Costs} */
  const costs = JSON.parse(records[0] ?? '');
  const verdict = expect.replace(/^violated (.*)/, (_, ids) => `violated: ${ids}`);
  const cells = [
    role,
    `[${name}](../${folder.replaceAll('\\', '/')}/${file}.mmu)`,
    kernel,
    driver,
    verdict,
    callbacksOf(costs.callbacks),
    costs.cpuFlushes + costs.cpuPageFlushes,
    costs.iommuInvalidations,
    costs.deviceInvalidations,
    costs.pageRequests,
  ];
  return `| ${cells.join(' | ')} |`;
}

/** @param {Costs['callbacks']} callbacks */
function callbacksOf(callbacks) {
  const counts = Object.entries(callbacks).map(([name, count]) => `${count} ${shortNames[name] ?? name}`);
  return counts.length > 0 ? counts.join(', ') : 'none';
}

/** @type {Readonly<Record<string, string>>} */
const shortNames = {
  invalidate_range_start: 'start',
  invalidate_range_end: 'end',
  invalidate_range: 'range',
  invalidate_page: 'page',
};

/**
 * What a command prints that finds what its scenario expects; it refuses to go on when it does not.
 * @param {Call} call
 * @param {readonly number[]} codes
 * @param {...string} args
 */
async function asExpected(call, codes, ...args) {
  const { code, out, err } = await call(...args);
  if (codes.includes(code)) return out;
  throw new Refusal(`shootdown ${args.join(' ')} ended with ${code}:\n${out.slice(-400)}${err}`);
}

/** @type {Call} */
function callBuilt(...args) {
  const options = { cwd: root, env: childEnvironment(), maxBuffer: 64 << 20 };
  return new Promise(resolve => {
    const child = execFile(process.execPath, ['dist/cli.js', ...args], options, (_, out, err) => {
      resolve({ code: child.exitCode ?? 2, out, err });
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    if (!existsSync(join(root, 'dist', 'cli.js'))) throw new Refusal('run npm run build first');
    writeFileSync(join(root, 'docs', 'series.md'), await seriesPage(callBuilt));
  });
}
