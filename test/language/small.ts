/** A small kernel and helpers for the tests of the language. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compileModels, compileScenarioFile, type ModelSet, type Problem } from '../../src/language/compile';
import type { Expr, Instruction, Program } from '../../src/language/program';

/** The folder of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** Text of the small kernel: the least that is a kernel. */
export const kernelText = `
struct mm pool 2 {
  pgd: table
  lock: spinlock
  sem: rwsem
  count: int 0..15
  guarded: int 0..7 guarded_by(lock)
  other: int 0..7 guarded_by(lock)
  vmas: list of vma [4]
  mask: cpumask
  numbers: int 0..3 [4]
}
struct vma pool 4 { vm_mm: mm  vm_start: addr  vm_end: addr  vm_write: bool }
struct task per task { mm: mm }
struct page per frame { _count: int 0..63  ptl: spinlock }
struct mmu_notifier pool 2 { ops: ops  mm: mm }
callbacks {
  invalidate_range(mn: mmu_notifier, mm: mm, start: addr, end: addr)
  test_young(mn: mmu_notifier, address: addr) -> bool
}
var srcu: srcu
var big_lock: spinlock
var shared: int 0..7 = 1
var counted: int 0..7 guarded_by(big_lock)
ghost var seen: int 0..7
enum color { RED, GREEN }
const LIMIT = 4
workqueue events capacity 4

fn setup_process() -> mm { var mm = new mm; var pgd = alloc_table(4); mm.pgd = pgd; return mm; }
fn setup_mmap(
  mm: mm, start: addr, len: addr, write: bool, shared: bool, file: file, pgoff: int 0..63, hugepage: bool
) { skip; }
fn setup_populate(mm: mm, start: addr, len: addr, write: bool) { skip; }
enum filesystem { ext4, tmpfs }
struct file pool 2 { size: addr  kind: filesystem }
fn setup_file(size: addr, kind: filesystem) -> file { var file = new file; return file; }
syscall fn ftruncate(file: file, size: addr) { skip; }
fn setup_task(task: task, mm: mm, cpu: cpu) { task.mm = mm; }
fault fn do_page_fault(address: addr, write: bool) -> bool { return false; }
syscall fn munmap(start: addr, len: addr) revokes start .. start + len { walk(start, zap); }
fn zap(address: addr) { shared = 2; }
fn walk(address: addr, visit: fn(addr)) { visit(address); }
fn answer(x: int 0..7) -> bool { return x == 1; }
fn work(x: mm) { skip; }
interrupt fn ipi() { skip; }
`;

const driverText = `
driver quiet {
  notifier quiet { invalidate_range(mn, mm, start, end) { skip; } }
  fn bind(mm: mm, device: device, pasid: int 0..31) {
    var mn = new mmu_notifier;
    mn.ops = quiet;
  }
  fn unbind(device: device, pasid: int 0..31) { skip; }
}
`;

const kernelFiles = [
  { path: 'small/kernel.mmu', text: 'kernel small { }' },
  { path: 'small/mm.mmu', text: kernelText },
];

/** The small kernel and its driver, compiled. */
export const small = compileModels({
  kernels: { small: kernelFiles },
  drivers: [{ path: 'drivers/quiet.mmu', text: driverText }],
});

/** The small kernel with more declarations. */
export function smallWith(text: string): { models: ModelSet; problems: Problem[] } {
  const more = { path: 'small/more.mmu', text };
  return compileModels({ kernels: { small: [...kernelFiles, more] }, drivers: [] });
}

/** Problems of a scenario file as `line:column code message`. */
export function problemsOf(text: string, path = 'test.mmu'): string[] {
  const { problems } = compileScenarioFile(
    { path, text },
    { models: small.models, imports: () => undefined },
  );
  return problems.map(formatProblem);
}

/** One problem on a line. */
export function formatProblem({ span, code, message }: Problem): string {
  return `${span.line}:${span.column} ${code} ${message}`;
}

/** Problems of statements in a function with a few parameters. */
export function problemsIn(statements: string): string[] {
  const { problems } = smallWith(
    `fn f(mm: mm, vma: vma, pte: entry, table: table, a: addr, n: int 0..7) {\n${statements}\n}`,
  );
  return problems.map(({ code, message }) => `${code} ${message}`);
}

/** The program of the one scenario in a text. */
export function programOf(text: string): Program {
  const file = { path: 'test.mmu', text };
  const { scenarios, problems } = compileScenarioFile(file, {
    models: small.models,
    imports: () => undefined,
  });
  const [scenario] = scenarios;
  if (!scenario || scenario.problems.length > 0) throw new Error(problems.map(formatProblem).join('\n'));
  return scenario.program();
}

/** The instructions of statements in a function of the small kernel. */
export function listingOf(statements: string, declarations = ''): string {
  const text = `${declarations}
    fn f(mm: mm, vma: vma, pte: entry, table: table, a: addr, n: int 0..7) -> int { ${statements} return 0; }
    scenario s { kernel small  machine { cpus 1 } process P { } task t in P on cpu 0 { skip } }`;
  const program = programOf(text);
  const fn = program.functions.f;
  if (!fn) throw new Error('no function f');
  const names = new Map([...fn.params, ...fn.locals].map(({ slot, name }) => [slot, name]));
  return fn.code
    .map((instruction, index) => `${index}${instruction.joined ? '+' : ''} ${show(instruction, names)}`)
    .join('\n');
}

type Names = ReadonlyMap<number, string>;

/** One instruction as text. */
export function show(node: Instruction, names: Names): string {
  const e = (expr: Expr) => showExpr(expr, names);
  const args = (exprs: readonly Expr[]) => exprs.map(e).join(', ');
  const into = (place: Expr | null) => (place ? `${e(place)} = ` : '');
  switch (node.op) {
    case 'set':
      return `${e(node.target)} = ${e(node.value)} -> ${node.next}`;
    case 'branch':
      return `if ${e(node.condition)} -> ${node.then} else ${node.otherwise}`;
    case 'call':
      return `${into(node.result)}call ${node.fn}(${args(node.args)}) -> ${node.next}`;
    case 'callback':
      return (
        `${into(node.result)}callback ${node.callback} ` +
        `by ${e(node.ops)} (${args(node.args)}) -> ${node.next}`
      );
    case 'builtin':
      return `${into(node.result)}${node.name}(${args(node.args)}) -> ${node.next}`;
    case 'return':
      return `return ${node.value ? e(node.value) : ''}`.trim();
    case 'wait':
      return `${node.how} until ${e(node.condition)} -> ${node.next}`;
    case 'select':
      return (
        `select ${node.arms.map(arm => `${e(arm.condition)} -> ${arm.next}`).join(' | ')} ` +
        `else ${node.otherwise}`
      );
    case 'choose':
      return `choose ${e(node.target)} ${e(node.from)}..${e(node.to)} -> ${node.next}`;
    case 'either':
      return `either ${node.arms.join(' | ')}`;
    case 'each_entry': {
      const [entry, address, cursor] = [node.entry, node.address, node.cursor].map(slot => names.get(slot));
      const kind = node.present ? 'present entry' : 'entry';
      const range = `from ${cursor} in ${e(node.table)} to ${e(node.to)}`;
      return `each ${kind} ${entry} at ${address} ${range} -> ${node.body} else ${node.exit}`;
    }
    case 'each_item':
      return `each ${names.get(node.item)} in ${e(node.list)} -> ${node.body} else ${node.exit}`;
    case 'each_cpu':
      return `each cpu ${names.get(node.item)} in ${e(node.mask)} -> ${node.body} else ${node.exit}`;
    case 'assert':
      return `assert ${e(node.condition)} "${node.text}" -> ${node.next}`;
    case 'skip':
      return `skip -> ${node.next}`;
  }
}

/** An expression as text, all brackets shown. */
export function showExpr(node: Expr, names: Names): string {
  const e = (expr: Expr) => showExpr(expr, names);
  switch (node.op) {
    case 'const':
      return String(node.value);
    case 'local':
      return names.get(node.slot) ?? `slot ${node.slot}`;
    case 'global':
      return node.name;
    case 'field':
      return `${e(node.object)}.${node.field}`;
    case 'element':
      return `${e(node.array)}[${e(node.index)}]`;
    case 'not':
      return `!${e(node.value)}`;
    case 'negate':
      return `-${e(node.value)}`;
    case 'binary':
      return `(${e(node.left)} ${node.fn}${node.address ? 'a' : ''} ${e(node.right)})`;
    case 'and':
    case 'or':
      return `(${e(node.left)} ${node.op} ${e(node.right)})`;
    case 'if':
      return `(${e(node.condition)} ? ${e(node.then)} : ${e(node.otherwise)})`;
    case 'builtin':
      return `${node.name}(${node.args.map(e).join(', ')})`;
    case 'implements':
      return `${e(node.ops)} has ${node.callback}`;
    case 'new':
      return `new ${node.struct}`;
    case 'function':
      return `&${node.name}`;
  }
}

/** A file of the repository. */
export function readText(path: string): string {
  return readFileSync(`${root}/${path}`, 'utf8');
}
