/**
 * Text to syntax tree. Never throws, whatever the text; limits keep hostile input from exhausting the
 * stack.
 */
import {
  AbstractParserErrorMessageProvider,
  type AstNode,
  type CstNode,
  createDefaultCoreModule,
  createDefaultSharedCoreModule,
  EmptyFileSystem,
  GrammarAST,
  GrammarUtils,
  inject,
  type LangiumParser,
} from 'langium';
import type { Span } from '../base/span';
import { cHabit } from './c-habits';
import type { ExpressionInput, File, ScenarioItemsInput, StatementsInput } from './generated/ast';
import { MmuGeneratedModule, MmuGeneratedSharedModule } from './generated/module';
import { type Problem, problems } from './problems';

/** The longest text that is read, in UTF-16 units. */
export const TEXT_MAX = 2 ** 20;

/** How deep brackets may nest. */
export const NESTING_MAX = 64;

/** Syntax problems reported for one file; after so many the rest is noise. */
const PROBLEMS_MAX = 20;

/**
 * What came of a text. With problems, the tree holds what could be made out, and is not to be checked
 * further.
 */
export interface Parsed<T> {
  readonly tree: T | null;
  readonly problems: readonly Problem[];
}

interface Token {
  readonly image: string;
}

/** What a grammar rule is called in messages. */
const ruleWords: Readonly<Record<string, string>> = {
  File: 'a declaration (scenario, driver, struct, fn ...)',
  Declaration: 'a declaration (scenario, driver, struct, fn ...)',
  Driver: 'a declaration (struct, notifier, fn ...)',
  Statement: 'a statement',
  Block: "a statement or '}'",
  ScenarioItem: 'an item of a scenario (machine, process, task, device, expect ...)',
  Scenario: "an item of a scenario (machine, process, task, device, expect ...) or '}'",
  Process: "'mmap', 'bind' or '}'",
  Machine: "a setting, 'iommu' or '}'",
  Iommu: "a setting, 'device' or '}'",
  Name: 'a name',
  DashedName: 'a name',
  Word: 'a name',
  TypeUse: 'a type',
  ConstantUse: 'a number or the name of a constant',
  ReplayLine: "'until call', 'until return', 'until blocked', 'until done', 'N steps' or 'choose N'",
  Expect: "'holds' or 'violated'",
};

function describeRule(ruleName: string): string {
  const name = ruleName.replace(/\u200b$/, '');
  return ruleWords[name] ?? 'an expression';
}

function describeToken({ image }: Token): string {
  return image === '' ? 'the end of the file' : `'${image.length > 40 ? `${image.slice(0, 40)}...` : image}'`;
}

const terminalWords: Readonly<Record<string, string>> = {
  ID: 'a name',
  NUMBER: 'a number',
  STRING: 'a text in quotes',
};

/** Words the parser's errors in the user's terms. */
class Messages extends AbstractParserErrorMessageProvider {
  override buildMismatchTokenMessage(options: {
    expected: { name: string };
    actual: Token;
    ruleName: string;
  }): string {
    const { expected, actual, ruleName } = options;
    if (expected.name === 'EOF')
      return `unexpected ${describeToken(actual)}, expected ${describeRule(ruleName)}`;
    const name = terminalWords[expected.name] ?? `'${expected.name}'`;
    return `expected ${name} but found ${describeToken(actual)}`;
  }

  override buildNotAllInputParsedMessage({ firstRedundant }: { firstRedundant: Token }): string {
    return `unexpected ${describeToken(firstRedundant)}, expected ${ruleWords.File}`;
  }

  override buildNoViableAltMessage({ actual, ruleName }: { actual: Token[]; ruleName: string }): string {
    return `unexpected ${describeToken(actual[0] ?? { image: '' })}, expected ${describeRule(ruleName)}`;
  }

  override buildEarlyExitMessage({ actual, ruleName }: { actual: Token[]; ruleName: string }): string {
    return `unexpected ${describeToken(actual[0] ?? { image: '' })}, expected ${describeRule(ruleName)}`;
  }
}

let parser: LangiumParser | undefined;

/** The parser is made on first use: it takes some 50 ms. */
function sharedParser(): LangiumParser {
  if (parser) return parser;
  const shared = inject(createDefaultSharedCoreModule(EmptyFileSystem), MmuGeneratedSharedModule);
  const services = inject(createDefaultCoreModule({ shared }), MmuGeneratedModule, {
    parser: { ParserErrorMessageProvider: () => new Messages() },
  });
  shared.ServiceRegistry.register(services);
  // Langium builds only the rules that its entry rule reaches, and all of them where there is none. Every
  // parse says
  // which rule it begins with.
  for (const rule of services.Grammar.rules) if (GrammarAST.isParserRule(rule)) rule.entry = false;
  parser = services.parser.LangiumParser;
  return parser;
}

/** Parses a whole file. */
export function parse(text: string, path: string): Parsed<File> {
  return parseRule<File>(text, path, 'File');
}

/** Parses one expression, as typed into a watch or a condition. */
export function parseExpression(text: string, path: string): Parsed<ExpressionInput> {
  return parseRule<ExpressionInput>(text, path, 'ExpressionInput');
}

/** Parses a list of statements: a fragment of the documentation. */
export function parseStatements(text: string, path: string): Parsed<StatementsInput> {
  return parseRule<StatementsInput>(text, path, 'StatementsInput');
}

/** Parses items of a scenario: a fragment of the documentation. */
export function parseScenarioItems(text: string, path: string): Parsed<ScenarioItemsInput> {
  return parseRule<ScenarioItemsInput>(text, path, 'ScenarioItemsInput');
}

function parseRule<T extends AstNode>(text: string, path: string, rule: string): Parsed<T> {
  const refusal = checkLimits(text, path);
  if (refusal) return { tree: null, problems: [refusal] };
  try {
    const result = sharedParser().parse<T>(text, { rule });
    paths.set(result.value, path);
    const found: Problem[] = [];
    const habits: Problem[] = [];
    for (const error of result.lexerErrors) {
      const line = error.line ?? 1;
      const column = error.column ?? 1;
      const image = text.slice(error.offset, error.offset + Math.max(error.length, 1));
      found.push(
        problems.unexpectedCharacters({ ...point(path, line, column), endColumn: column + 1 }, image),
      );
    }
    for (const error of result.parserErrors) {
      // The end of the text has no place of its own: its offset is -1, or no number.
      const token = error.token.startOffset >= 0 ? error.token : undefined;
      const span = token ? tokenSpan(path, token) : endOfText(text, path);
      const habit = token && cHabit(text, token.startOffset, token.image);
      const problem = problems.syntax(span, habit ?? error.message);
      found.push(problem);
      if (habit !== undefined) habits.push(problem);
    }
    // What else cannot be read after a piece of C is mostly the work of that.
    const told = habits.length > 0 ? habits : found;
    return { tree: result.value, problems: onePerLine(told).slice(0, PROBLEMS_MAX) };
  } catch {
    // The limits above do not catch every way to nest (a chain of 'else if', of operators); the stack does.
    // What is thrown then need not be a RangeError: the parser's clean-up fails in its own ways.
    // It is of no use any more.
    parser = undefined;
    return { tree: null, problems: [problems.nestedTooDeeply(point(path, 1, 1), NESTING_MAX)] };
  }
}

interface LocatedToken {
  readonly image: string;
  readonly startLine?: number;
  readonly startColumn?: number;
  readonly endLine?: number;
  readonly endColumn?: number;
}

function tokenSpan(path: string, token: LocatedToken): Span {
  const { startLine: line = 1, startColumn: column = 1 } = token;
  return {
    file: path,
    line,
    column,
    endLine: token.endLine ?? line,
    endColumn: (token.endColumn ?? column) + 1,
  };
}

/** One mistake often makes several errors on its line; the first is the one to read. */
function onePerLine(found: readonly Problem[]): Problem[] {
  const sorted = [...found].sort((a, b) => a.span.line - b.span.line || a.span.column - b.span.column);
  return sorted.filter((problem, index) => problem.span.line !== sorted[index - 1]?.span.line);
}

function endOfText(text: string, path: string): Span {
  const lines = text.trimEnd().split(/\r\n?|\n/);
  return point(path, lines.length, (lines.at(-1)?.length ?? 0) + 1);
}

function checkLimits(text: string, path: string): Problem | undefined {
  // As a key of a record this name means something else to JavaScript.
  if (/\b__proto__\b/.test(text)) return problems.reservedName(point(path, 1, 1), '__proto__');
  if (text.length > TEXT_MAX) return problems.textTooLong(point(path, 1, 1), TEXT_MAX);
  let depth = 0;
  let line = 1;
  for (const [token] of text.matchAll(/\/\/[^\n]*|\/\*[\s\S]*?\*\/|"[^"\n]*"|[([{]|[)\]}]|\n/g)) {
    if (token.includes('\n')) line += token.split('\n').length - 1;
    else if (token === '(' || token === '[' || token === '{') depth += 1;
    else if (token === ')' || token === ']' || token === '}') depth -= 1;
    if (depth > NESTING_MAX) return problems.nestedTooDeeply(point(path, line, 1), NESTING_MAX);
  }
  return undefined;
}

/* Spans. A tree remembers the file it came from by its root. */

const paths = new WeakMap<AstNode, string>();

/** An empty span. */
export function point(file: string, line: number, column: number): Span {
  return { file, line, column, endLine: line, endColumn: column };
}

/** The file a node came from. */
export function pathOf(node: AstNode): string {
  let root = node;
  while (root.$container) root = root.$container;
  return paths.get(root) ?? '';
}

/** Where a node stands in its file. */
export function spanOf(node: AstNode): Span {
  return node.$cstNode ? cstSpan(pathOf(node), node.$cstNode) : point(pathOf(node), 1, 1);
}

/** Where one property of a node stands, such as its name; the whole node if the property is not written. */
export function spanOfProperty(node: AstNode, property: string, index?: number): Span {
  const found = GrammarUtils.findNodeForProperty(node.$cstNode, property, index);
  return found ? cstSpan(pathOf(node), found) : spanOf(node);
}

/** Source text of a node on one line. */
export function textOf(node: AstNode): string {
  return (node.$cstNode?.text ?? '').replace(/\s+/g, ' ');
}

/** The closing brace of a block. */
export function endOf(node: AstNode): Span {
  const { file, endLine, endColumn } = spanOf(node);
  return { file, line: endLine, column: Math.max(endColumn - 1, 1), endLine, endColumn };
}

function cstSpan(file: string, { range }: CstNode): Span {
  return {
    file,
    line: range.start.line + 1,
    column: range.start.character + 1,
    endLine: range.end.line + 1,
    endColumn: range.end.character + 1,
  };
}

/** The `///` lines straight above a declaration, without the slashes. */
export function docOf(node: AstNode): string {
  const cst = node.$cstNode;
  if (!cst) return '';
  const above = cst.root.fullText.slice(0, cst.offset).split('\n').slice(0, -1);
  const lines: string[] = [];
  for (let line = above.pop(); line !== undefined; line = above.pop()) {
    const match = /^\s*\/\/\/ ?(.*?)\r?$/.exec(line);
    if (!match) break;
    lines.unshift(match[1] ?? '');
  }
  return lines.join('\n').trim();
}
