/**
 * What an editor asks about one open file: its problems, and what the names in it mean. Pure; server.ts
 * asks.
 */
import type { Span } from '../base/span';
import { builtinNamed, builtins, parameterTexts } from './builtins';
import { compileModels, compileScenarioFile } from './compile';
import type { Declaration, ScenarioItem } from './generated/ast';
import { type ModelFiles, parseFile } from './models';
import type { ModelSet, SourceFile, Use } from './module';
import { docOf, spanOf, spanOfProperty, textOf } from './parse';
import { distinctProblems, type Problem } from './problems';
import { propertyIds } from './properties';
import { kernelScope } from './scope';
import { namedTypes } from './types';

/** An analysed file. */
export interface Analysis {
  readonly file: SourceFile;
  readonly problems: readonly Problem[];
  /** What names mean, in this file and in everything it uses. */
  readonly uses: readonly Use[];
  readonly models: ModelSet;
  /** The kernel of the file's first scenario, for names that are offered. */
  readonly kernel: string | null;
}

/** Everything an analysis is made from. */
export interface AnalysisInput {
  readonly file: SourceFile;
  /** The user's own kernels and drivers. */
  readonly files: ModelFiles;
  readonly shipped: ModelSet;
  readonly imports: (path: string) => SourceFile | undefined;
}

/** Compiles a file with the models it sees. */
export function analyse({ file, files, shipped, imports }: AnalysisInput): Analysis {
  const isEmpty = Object.keys(files.kernels).length === 0 && files.drivers.length === 0;
  const compiled = isEmpty ? { models: shipped, problems: [] } : compileModels(files, shipped);
  const { models } = compiled;
  const scenarios = compileScenarioFile(file, { models, imports });
  const kernel = scenarios.scenarios[0]?.kernel ?? null;
  const known = kernel !== null && Object.hasOwn(models.kernels, kernel) ? kernel : null;
  return {
    file,
    problems: distinctProblems([...compiled.problems, ...scenarios.problems]),
    uses: [...scenarios.uses, ...usesOfModels(models, known)],
    models,
    kernel: known ?? Object.keys(models.kernels)[0] ?? null,
  };
}

/**
 * Uses in kernels and drivers. A driver is compiled for every kernel: those for the scenario's kernel come
 * first.
 */
function usesOfModels(models: ModelSet, kernel: string | null): Use[] {
  const drivers = Object.values(models.drivers);
  const [mine, others] = [drivers.filter(driver => driver.kernel === kernel), drivers].map(group =>
    group.flatMap(({ uses }) => uses),
  );
  return [...(mine ?? []), ...Object.values(models.kernels).flatMap(({ uses }) => uses), ...(others ?? [])];
}

/** A place in a file; line and column count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

function contains(span: Span, { file, line, column }: Position): boolean {
  if (span.file !== file || line < span.line || span.endLine < line) return false;
  if (line === span.line && column < span.column) return false;
  return line !== span.endLine || column <= span.endColumn;
}

/** What the name at a place means, if it is a use or a definition of one. */
export function useAt({ uses }: Analysis, position: Position): Use | undefined {
  const use = uses.find(({ span }) => contains(span, position));
  if (use) return use;
  const defining = uses.find(({ definition }) => contains(definition, position));
  return defining && { ...defining, span: defining.definition };
}

/** All places where the same thing is named, its definition first. */
export function referencesAt(analysis: Analysis, position: Position): Span[] {
  const use = useAt(analysis, position);
  if (!use) return [];
  const keyOf = (span: Span) => JSON.stringify(span);
  const wanted = keyOf(use.definition);
  const spans = analysis.uses
    .filter(({ definition }) => keyOf(definition) === wanted)
    .map(({ span }) => span);
  return [...new Map([use.definition, ...spans].map(span => [keyOf(span), span])).values()];
}

/** The identifier at a place of a text. */
export function wordAt(text: string, { line, column }: Position): string {
  const row = text.split(/\r\n?|\n/)[line - 1] ?? '';
  for (const match of row.matchAll(/[A-Za-z_]\w*/g)) {
    const start = match.index + 1;
    if (start <= column && column <= start + match[0].length) return match[0];
  }
  return '';
}

/**
 * What is shown about the name at a place, as Markdown. `read` gives the text of a file, if it is at hand.
 */
export function hoverAt(
  analysis: Analysis,
  position: Position,
  read: (path: string) => string | undefined,
): string | undefined {
  const use = useAt(analysis, position);
  if (use) {
    const text = read(use.definition.file) ?? sourceText(analysis, use.definition.file);
    return text === undefined ? undefined : describeDefinition(text, use.definition.line);
  }
  const word = wordAt(analysis.file.text, position);
  return describeBuiltin(word);
}

/** Text of a file that is part of the analysis. */
export function sourceText({ file, models }: Analysis, path: string): string | undefined {
  if (path === file.path) return file.text;
  const kernels = Object.values(models.kernels).flatMap(({ files }) => files);
  const drivers = Object.values(models.drivers).flatMap(driver => [driver.file, ...driver.imports]);
  return [...kernels, ...drivers].find(source => source.path === path)?.text;
}

function describeDefinition(text: string, line: number): string {
  const lines = text.split(/\r\n?|\n/);
  const doc: string[] = [];
  for (let index = line - 2; index >= 0; index--) {
    const match = /^\s*\/\/\/ ?(.*)$/.exec(lines[index] ?? '');
    if (!match) break;
    doc.unshift(match[1] ?? '');
  }
  const code = (lines[line - 1] ?? '').trim().replace(/\s*\{\s*$/, '');
  return [`\`\`\`mmu\n${code}\n\`\`\``, doc.join('\n')].filter(part => part !== '').join('\n\n');
}

function describeBuiltin(word: string): string | undefined {
  const name = builtinNamed(word);
  if (name === undefined) return undefined;
  const { result, doc, access } = builtins[name];
  const parameters = parameterTexts(builtins[name]).join(', ');
  const code = `${word}(${parameters})${result === null ? '' : ` -> ${result}`}`;
  const kind = name === word ? `builtin, ${access}` : `builtin, ${access}; another name of ${name}`;
  return `\`\`\`mmu\n${code}\n\`\`\`\n\n${doc}\n\n*${kind}*`;
}

/** A name to offer. */
export interface Offer {
  readonly name: string;
  readonly kind: 'keyword' | 'function' | 'variable' | 'type' | 'property';
  readonly doc: string;
}

const keywords = [
  'import scenario kernel machine cpus frames iommu device ats pri requests process mmap at after rw',
  'ro rx rwx none private shared read file swap forked by pass passes touched bind',
  'pasid driver task in on cpu expect holds violated unwatched never always sometimes',
  'replay until call return blocked done steps choose const enum struct pool per ghost var workqueue',
  'capacity daemon fn syscall fault interrupt override revokes callbacks notifier guarded_by if else',
  'while for each present entry from to wait spin idle select when either or atomic assert skip break',
  'continue new null true false pages KiB MiB GiB',
].join(' ');

/** Names that may be typed next: keywords, builtins, properties, and everything the kernel declares. */
export function offersOf({ models, kernel }: Analysis): Offer[] {
  const offers: Offer[] = keywords.split(' ').map(name => ({ name, kind: 'keyword', doc: '' }));
  for (const name of Object.keys(namedTypes)) offers.push({ name, kind: 'type', doc: '' });
  for (const [name, { doc }] of Object.entries(builtins)) offers.push({ name, kind: 'function', doc });
  for (const name of propertyIds) offers.push({ name, kind: 'property', doc: '' });
  const scope = kernel === null ? undefined : kernelScope(models, kernel);
  for (const name of scope?.names('values') ?? []) {
    const isFunction = scope?.value(name)?.kind === 'function';
    offers.push({ name, kind: isFunction ? 'function' : 'variable', doc: '' });
  }
  for (const name of scope?.names('types') ?? []) offers.push({ name, kind: 'type', doc: '' });
  for (const name of scope?.names('callbacks') ?? []) offers.push({ name, kind: 'function', doc: '' });
  for (const name of Object.keys(models.kernels)) offers.push({ name, kind: 'property', doc: 'kernel' });
  for (const { name, doc } of Object.values(models.drivers)) offers.push({ name, kind: 'property', doc });
  return [...new Map(offers.map(offer => [offer.name, offer])).values()];
}

/** A declaration of a file, for the outline. */
export interface Outlined {
  readonly name: string;
  readonly kind: Declaration['$type'] | ScenarioItem['$type'];
  readonly doc: string;
  readonly span: Span;
  readonly nameSpan: Span;
  readonly children: readonly Outlined[];
}

/** The declarations of a file. */
export function outlineOf(file: SourceFile): Outlined[] {
  const { tree } = parseFile(file);
  return (tree?.declarations ?? []).flatMap(outlineDeclaration);
}

function outlineDeclaration(node: Declaration): Outlined[] {
  if (node.$type === 'CallbacksDeclaration') return [];
  // What could be made out of a text with mistakes may lack its name.
  if (!node.name) return [];
  const children =
    node.$type === 'Driver'
      ? node.declarations.flatMap(outlineDeclaration)
      : node.$type === 'Scenario'
        ? node.items.flatMap(outlineItem)
        : [];
  const span = spanOf(node);
  const nameSpan = spanOfProperty(node, 'name');
  return [{ name: node.name, kind: node.$type, doc: docOf(node), span, nameSpan, children }];
}

function outlineItem(node: ScenarioItem): Outlined[] {
  const span = spanOf(node);
  if (node.$type === 'Process' || node.$type === 'Task') {
    if (!node.name) return [];
    const nameSpan = spanOfProperty(node, 'name');
    return [{ name: node.name, kind: node.$type, doc: '', span, nameSpan, children: [] }];
  }
  if (node.$type === 'DeviceProgram' && node.device) {
    const nameSpan = spanOfProperty(node, 'device');
    return [{ name: node.device, kind: node.$type, doc: '', span, nameSpan, children: [] }];
  }
  if (node.$type !== 'Expect') return [];
  return [{ name: textOf(node), kind: node.$type, doc: '', span, nameSpan: span, children: [] }];
}
