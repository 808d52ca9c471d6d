/** What one kernel changes of another, declaration by declaration, in the text of the models. */
import type { Declaration } from './generated/ast';
import { parseFile } from './models';
import type { ModelSet, SourceFile } from './module';
import { docOf } from './parse';
import { kernelChain } from './scope';

/** A declaration of a kernel that another one lacks, has besides, or has in other words. */
export interface DeclarationDifference {
  /** `fn do_wp_page`, `callback invalidate_range`, `struct page`. */
  readonly name: string;
  readonly how: 'added' | 'changed' | 'removed';
  /** The kernel's source file that it models, as its description begins; empty if that names none. */
  readonly source: string;
  /** Lines of both, without the word `override`; empty where there is none. */
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** A declaration as it stands in a file. */
interface Found {
  readonly name: string;
  readonly source: string;
  readonly lines: readonly string[];
}

/** The differences from one kernel to another, in the order of the source files they model. */
export function kernelDifferences(models: ModelSet, from: string, to: string): DeclarationDifference[] {
  const [before, after] = [declarationsOf(models, from), declarationsOf(models, to)];
  const names = [...new Set([...after.keys(), ...before.keys()])];
  const found = names.flatMap(name => differenceOf(name, before.get(name), after.get(name)));
  return found.sort((a, b) => order(a.source, b.source));
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function differenceOf(name: string, before?: Found, after?: Found): DeclarationDifference[] {
  const lines = { before: before?.lines ?? [], after: after?.lines ?? [] };
  const source = after?.source || before?.source || '';
  if (before === undefined) return [{ name, how: 'added', source, ...lines }];
  if (after === undefined) return [{ name, how: 'removed', source, ...lines }];
  const isSame = before.lines.join('\n') === after.lines.join('\n');
  return isSame ? [] : [{ name, how: 'changed', source, ...lines }];
}

/** Every declaration that counts in a kernel: what a kernel overrides takes the place of what it extends. */
function declarationsOf(models: ModelSet, kernel: string): Map<string, Found> {
  const found = new Map<string, Found>();
  for (const { files } of kernelChain(models, kernel)) {
    for (const file of files) for (const each of declarationsIn(file)) found.set(each.name, each);
  }
  return found;
}

function declarationsIn(file: SourceFile): Found[] {
  return (parseFile(file).tree?.declarations ?? []).flatMap(node => {
    const source = /^[\w./+-]+\.[chS]\b/.exec(docOf(node))?.[0] ?? '';
    if (node.$type === 'CallbacksDeclaration') {
      return node.callbacks.map(callback => {
        const lines = linesOf(callback.$cstNode?.text ?? '');
        return { name: `callback ${callback.name}`, source, lines };
      });
    }
    const name = nameOf(node);
    const text = (node.$cstNode?.text ?? '').replace(/^override\s+/, '');
    return name === null ? [] : [{ name, source, lines: linesOf(text) }];
  });
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/);
}

/** What a declaration is called, with its kind; null for what is no part of a kernel's code. */
function nameOf(node: Declaration): string | null {
  switch (node.$type) {
    case 'FunctionDeclaration':
      return `fn ${node.name}`;
    case 'StructDeclaration':
      return `struct ${node.name}`;
    case 'EnumDeclaration':
      return `enum ${node.name}`;
    case 'ConstantDeclaration':
      return `const ${node.name}`;
    case 'GlobalDeclaration':
      return `var ${node.name}`;
    case 'WorkqueueDeclaration':
      return `workqueue ${node.name}`;
    case 'DaemonDeclaration':
      return `daemon ${node.name}`;
    case 'KernelManifest':
    case 'CallbacksDeclaration':
    case 'NotifierDeclaration':
    case 'Driver':
    case 'Scenario':
      return null;
  }
}
