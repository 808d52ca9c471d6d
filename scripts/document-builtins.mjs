/** Makes docs/builtins.md from the table of builtins, so that users need not read the sources. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensurePackages, root, runMain } from './setup.mjs';

/**
 * What the page is made from: the exports of src/language/builtins.ts.
 * @typedef {typeof import('../src/language/builtins')} Table
 */

/** Headings, each with the first builtin under it. @type {Record<string, string>} */
const headings = {
  spin_lock: 'Locks and context',
  atomic_inc: 'Atomic operations on a variable',
  list_add: 'Lists and objects',
  alloc_page: 'Frames',
  entry_at: 'Page-table entries: places',
  pte_none: 'Page-table entries: values',
  align_down: 'Addresses',
  load_cr3: 'CPUs',
  load_eptp: 'Guests',
  dma_read: 'Devices',
  device_iommu: 'The IOMMU',
  queue_work: 'Work and threads',
  binds: 'What is watched',
};

const introduction = `# Builtins

What a statement of [the language](language.md) can do besides assigning and calling.
This page is made by \`node scripts/document-builtins.mjs\`.

- *Access* is what counts for the rule of one access a step: \`pure\` is none, \`read\` and \`write\` \
are one, \`atomic\` is one step that reads and writes.
- A builtin that is \`pure\` or \`read\` and has a result may stand anywhere in an expression, unless it \
*may wait* or *chooses*; all others stand alone, or are the whole right side of an assignment or a whole \
condition.
- \`place of T\` is a variable, a field or an element, not its value.
- \`any\` is any value of one word; \`same\` is the type of the first argument, or of what its list holds.
- *May wait: spin* waits without sleeping; *may wait: sleep* is a point that may sleep, which is the \
finding \`sleep-in-atomic\` under a spinlock or with interrupts off.
- *Chooses* names the choices of the step, from 0; \`fair\` takes the first, \`random\` any, and a \
replay takes the one its line \`choose\` names.
`;

/**
 * The page as text.
 * @param {Pick<Table, 'builtins' | 'aliases' | 'parameterTexts'>} table
 */
export function builtinsPage({ builtins, aliases, parameterTexts }) {
  const lines = [introduction];
  for (const [name, builtin] of Object.entries(builtins)) {
    const heading = headings[name];
    if (heading) lines.push(`## ${heading}\n`, '| builtin | access | what it does |', '|---|---|---|');
    lines.push(rowOf(name, builtin, parameterTexts(builtin), aliases));
    if (isLastOfGroup(Object.keys(builtins), name)) lines.push('');
  }
  return lines.join('\n');
}

/**
 * @param {string} name
 * @param {import('../src/language/builtins').Builtin} builtin
 * @param {string[]} params
 * @param {Readonly<Record<string, string>>} aliases
 */
function rowOf(name, { result, access, blocks, choices, doc }, params, aliases) {
  const others = Object.keys(aliases).filter(alias => aliases[alias] === name);
  const notes = [
    doc,
    blocks ? `May wait: ${blocks}.` : '',
    choices ? `Chooses: ${choices.map((choice, index) => `${index} ${choice}`).join(', ')}.` : '',
    others.length > 0 ? `Also written ${others.map(alias => `\`${alias}\``).join(', ')}.` : '',
  ];
  const signature = `${name}(${params.join(', ')})${result === null ? '' : ` -> ${result}`}`;
  return `| \`${signature}\` | ${access} | ${notes.filter(note => note !== '').join(' ')} |`;
}

/**
 * @param {string[]} names
 * @param {string} name
 */
function isLastOfGroup(names, name) {
  const next = names[names.indexOf(name) + 1];
  return next === undefined || headings[next] !== undefined;
}

/** Compiles the table, which imports nothing, and loads it. @returns {Promise<Table>} */
async function loadTable() {
  const esbuild = await import('esbuild');
  const { outputFiles } = await esbuild.build({
    entryPoints: [join(root, 'src', 'language', 'builtins.ts')],
    bundle: true,
    format: 'esm',
    write: false,
  });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0]?.text ?? '')}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    await ensurePackages();
    writeFileSync(join(root, 'docs', 'builtins.md'), builtinsPage(await loadTable()));
  });
}
